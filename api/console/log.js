// The log as it was recorded, and the quarantine: what could not be understood.

import { $, ask, el, into, query } from "./ask.js";
import { drawer, milestone } from "./drawer.js";
import { fields, onSubmit, setFields } from "./forms.js";
import { plain, scroll, table, when } from "./tables.js";

const form = $("#after");

async function feed() {
  const found = await ask(`/v1/milestones?${query({ after: fields(form).after, limit: 200 })}`);
  const rows = found.milestones.map((one) => ({
    ...one, ...one.event, effective_on: one.event.data.effective_on, open: () => milestone(one.position),
  }));
  return [
    scroll(table([plain("position"), when("recorded_at", "recorded"), plain("effective_on", "effective", "when"),
      plain("type"), plain("source"), plain("subject", "subject", "group")], rows, { label: "milestones", stacks: true })),
    found.next == null ? null : el("p", { class: "more" }, el("a", { href: `#feed?after=${found.next}` }, "Later ones")),
  ];
}

async function again(row) {
  await drawer(async () => {
    const told = await ask(`/v1/quarantine/${row.id}/replay`, { method: "POST" });
    return [el("h2", {}, `Read again: ${told.results.map((one) => one.outcome).join(", ")}`),
      el("pre", {}, JSON.stringify(told, null, 2))];
  });
  into($("#held"), quarantine);
}

const reasons = (row) => row.reasons.map((reason) => el("div", {},
  el("span", { class: "code" }, `${reason.code} ${reason.pointer}`), ` ${reason.message ?? ""}`));

async function quarantine() {
  const found = await ask("/v1/quarantine?limit=200");
  const replay = (row) => el("button", { type: "button", class: "act", onclick: () => again(row) }, "Read again");
  return scroll(table([plain("id"), when("received_at", "received"), plain("source", "source", "group"), plain("type"),
    { name: "reasons", kind: "step", show: reasons }, { name: "replay", title: "", show: replay }],
  found.entries.map((one) => ({ ...one, open: () => held(one.id) })),
  { empty: "Nothing is waiting here.", label: "quarantine", stacks: true }));
}

const held = (id) => drawer(async () => {
  const found = await ask(`/v1/quarantine/${id}`);
  const { text, base64, ...rest } = found.payload;
  return [el("h2", {}, `Quarantine entry ${id}`), el("pre", {}, JSON.stringify({ ...found, payload: rest }, null, 2)),
    el("h3", {}, "as it was accepted"), el("pre", {}, text ?? base64)];
});

export function startLog() {
  onSubmit(form, "feed");
}

export function openFeed(given) {
  setFields(form, given);
  return into($("#log"), feed);
}

export const openQuarantine = () => into($("#held"), quarantine);
