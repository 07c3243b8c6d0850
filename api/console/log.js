// The log as it was recorded.

import { $, ask, el, into, query } from "./ask.js";
import { milestone } from "./drawer.js";
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

export function startLog() {
  onSubmit(form, "feed");
}

export function openFeed(given) {
  setFields(form, given);
  return into($("#log"), feed);
}
