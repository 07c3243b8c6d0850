// One deal: keys, dimensions, balances, its bridge, its exceptions, and its milestones in business order.

import { $, ask, el, into, path, query, show } from "./ask.js";
import { dealBridge } from "./bridge.js";
import { milestone, milestoneButton } from "./drawer.js";
import { exceptionTable } from "./exceptions.js";
import { fields, go, setFields } from "./forms.js";
import { moment } from "./money.js";
import { amount, plain, scroll, table, when } from "./tables.js";

const form = $("#find");
const AMENDING = /^milestone\.(corrected|voided)\./;

/** A part of the page that fills itself, so that one that can't be had doesn't take the others along. */
function part(title, work) {
  const place = el("div", { class: "part" });
  into(place, work);
  return [el("h3", {}, title), place];
}

const nameOf = ({ source, id }) => JSON.stringify([source, id]);

/** Of every milestone that does not stand as it came in: what corrected or voided it, the last by time first. */
function amendments(milestones) {
  const found = new Map();
  for (const one of milestones) {
    if (!AMENDING.test(one.type) || one.state !== "stands") continue;
    const name = nameOf(one.data.target);
    found.set(name, [one, ...(found.get(name) ?? [])].sort((a, b) => Date.parse(b.time) - Date.parse(a.time)));
  }
  return found;
}

async function named(milestones) {
  return Promise.all(milestones.map(async (one) => {
    if (one.id || one.state === "stands") return one;
    const { event } = await ask(`/v1/milestones/${one.position}`);
    return { ...one, id: event.id };
  }));
}

function stateCell(row) {
  if (row.state === "stands") return AMENDING.test(row.type) ? el("span", { class: "small" }, row.data.reason ?? "") : "";
  const [by] = row.amended;
  return [
    el("span", { class: `badge ${row.state}` }, row.state),
    by ? el("span", { class: "small" }, "by ", milestoneButton(by.position),
      by.data.reason ? ` ${by.data.reason}` : "", ` on ${by.time.slice(0, 10)}`) : null,
    by && by.data.replacement ? el("span", { class: "small" }, replacement(by.data.replacement)) : null,
  ].filter(Boolean);
}

function replacement(found) {
  const { data = {} } = found;
  const nets = (data.lines ?? []).map((one) => one.net).filter(Boolean);
  const said = [data.effective_on && `effective ${data.effective_on}`, data.currency,
    data.amount ?? (nets.length ? `net ${nets.join(" + ")}` : null)];
  return `instead: ${[found.type, ...said].filter(Boolean).join(", ")}`;
}

async function timeline(address, known) {
  const told = await ask(`${address}/timeline?${query(known)}`);
  const milestones = await named(told.milestones);
  const by = amendments(milestones);
  const struck = (name, title, kind) =>
    ({ name, title, kind, show: (row) => (row.isGone ? el("s", {}, row[name]) : row[name]) });
  const rows = milestones.map((one) => ({
    ...one, isGone: one.state !== "stands", amended: by.get(nameOf(one)) ?? [],
    kind: one.state === "stands" ? null : "gone", open: () => milestone(one.position),
  }));
  const columns = [
    struck("effective_on", "effective", "when"), struck("type", "type", "when"),
    { name: "state", title: "stands?", kind: "state", show: stateCell },
    plain("source", "source", "when"), struck("subject", "subject", "group"), when("recorded_at", "recorded"),
    plain("position"),
  ];
  return scroll(table(columns, rows, { label: "timeline", stacks: true }));
}

function cards(found) {
  const balances = Object.entries(found.balances).flatMap(([currency, held]) =>
    Object.entries(held).map(([account, value]) => ({ account, currency, value })));
  return el("div", { class: "cards" },
    el("div", { class: "card" }, el("h3", {}, `balances on ${found.at}`),
      table([plain("account"), plain("currency"), amount("value")],
        balances.filter((one) => !one.account.startsWith("source")),
        { label: "balances", empty: "All accounts are at zero." })),
    el("div", { class: "card keys" },
      el("h3", {}, "dimensions"),
      el("dl", {}, Object.entries(found.dimensions)
        .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      el("h3", {}, "keys"), found.keys.map((one) => el("div", { class: "small" }, one))));
}

async function dossier(key, given) {
  const address = `/v1/deals/${path(key)}`;
  const known = { known_position: given.known_position };
  const asked = { at: given.at, ...known };
  const found = await ask(`${address}?${query(asked)}`);
  const exceptions = async (atLeast = null) => {
    const wanted = { ...asked, deal: key, status: "all", limit: 200, at_least: atLeast };
    const told = await ask(`/v1/reports/exceptions?${query(wanted)}`);
    const again = (position) => into(place, () => exceptions(position));
    return exceptionTable(told.rows, again, { isOfDeal: true, empty: "Nothing to do about this deal." });
  };
  const [title, place] = part("exceptions", exceptions);
  return [
    el("h2", {}, found.deal),
    el("p", { class: "note" }, `${found.milestones} milestones that stand, effective`
      + ` ${found.first_effective_on ?? "–"} to ${found.last_effective_on ?? "–"}; as known at position ${found.known.position}`
      + ` (${moment(found.known.time) ?? "never"} UTC).`),
    part("from won to cash", async () => dealBridge(await ask(`/v1/reports/bridge?${query({ ...asked, deal: key })}`))),
    title, place,
    part("timeline", () => timeline(address, known)),
    cards(found),
  ];
}

export function startDeal() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { key, ...others } = fields(form);
    const asked = query(others);
    go(`#deal/${path(key)}${asked ? `?${asked}` : ""}`);
  });
}

/** The deal of the address, #deal/<key> or #deal?key=<key>. */
export function openDeal(given, place) {
  const key = place || given.key;
  if (!key) {
    if (!$("#dossier").childElementCount)
      show($("#dossier"), el("p", { class: "none" },
        "Any key of a deal leads to it: an opportunity's, an order's, an invoice's."));
    return null;
  }
  setFields(form, { ...given, key });
  return into($("#dossier"), () => dossier(key, given));
}
