// What changed in the report that is shown between two moments of knowledge, and line by line why.

import { $, ask, el, into, query, show } from "./ask.js";
import { milestone } from "./drawer.js";
import { fields, setFields } from "./forms.js";
import { grouped, isZero, moment, signed, words } from "./money.js";
import { change, dealColumn, groupColumn, more, plain, scroll, table } from "./tables.js";

const form = $("#moments");
let question = null;

const momentOf = (at, position) => position || (at && `${at}Z`);

function address() {
  const { view, asked } = question();
  const given = fields(form);
  const moments = {
    from_known: momentOf(given.from_known, given.from_position),
    to_known: momentOf(given.to_known, given.to_position),
  };
  return `/v1/reports/${view}/restatement?${query({ ...asked, ...moments, limit: 200 })}`;
}

const changed = (name) => ({
  name, amount: true, title: words(name),
  show: (row) => {
    const value = row.change[name];
    return value == null ? "–" : isZero(value) ? el("span", { class: "faint" }, "0") : change(signed(value));
  },
});

// One row a measure that changed, the group named in the first of each.
function long(rows, groups) {
  const columns = [
    ...groups.map(groupColumn), plain("currency"), plain("measure"),
    ...["before", "after"].map((name) => ({ name, amount: true, show: (row) => grouped(row[name] ?? "0") })),
    { name: "change", amount: true, show: (row) => (row.change == null ? "–" : change(signed(row.change))) },
  ];
  const found = rows.flatMap((row) => Object.keys(row.after)
    .filter((name) => row.before[name] !== row.after[name])
    .map((name, place) => ({
      ...Object.fromEntries([...groups, "currency"].map((group) => [group, place ? "" : row[group] ?? "none"])),
      measure: words(name), before: row.before[name], after: row.after[name], change: row.change[name],
      kind: place ? "again" : "starts",
    })));
  return scroll(table(columns, found, { label: "before and after" }));
}

const causeColumn = { name: "cause", show: (row) => el("span", { class: `badge ${row.cause}` }, words(row.cause)) };

const typeCell = (line) => (line.type === null ? "–"
  : [line.type, el("span", { class: "small whole" }, `#${line.position}, ${moment(line.recorded_at)}`)]);

function lines(all, groups) {
  const names = Object.keys(all[0]?.change ?? {}).filter((name) => all.some((line) => !isZero(line.change[name])));
  const beside = groups.filter((group) => group !== "deal");
  const columns = [
    causeColumn, { name: "type", title: "milestone, recorded", show: typeCell },
    plain("effective_on", "effective", "when"), dealColumn(), ...beside.map(groupColumn),
    plain("currency"), ...names.map(changed),
  ];
  const rows = all.map((line) => ({ ...line, open: line.position == null ? null : () => milestone(line.position) }));
  return scroll(table(columns, rows, { label: "lines by cause" }));
}

function byCause(causes) {
  const names = Object.keys(causes[0]?.change ?? {}).filter((name) => causes.some((one) => !isZero(one.change[name])));
  return scroll(table([causeColumn, plain("currency"), ...names.map(changed)], causes, { label: "by cause" }));
}

function logic(answer) {
  const { from, to } = answer.generations;
  const one = (found) => `generation ${found.generation} (rules ${found.rules}, ${found.policies.join(", ")})`;
  return from.generation === to.generation ? `by ${one(to)}` : `from ${one(from)} to ${one(to)}`;
}

function head(answer) {
  const [from, to] = [answer.from_known, answer.to_known];
  return `From position ${from.position} (${moment(from.time) ?? "before the first"}) to position ${to.position}`
    + ` (${moment(to.time) ?? "before the first"}), ${logic(answer)}.`;
}

async function changes() {
  const asked = address();
  const { groups, isConverted } = question();
  const first = await ask(asked);
  const place = el("div");
  let all = [];
  const draw = (answer) => {
    all = all.concat(answer.lines);
    show(place, lines(all, groups), more(answer, asked, draw, "Show more lines"));
  };
  draw(first);
  if (!first.rows.length)
    return [el("p", { class: "note" }, head(first)), el("p", { class: "none" }, first.note ?? "Nothing changed.")];
  const notes = [
    head(first),
    isConverted ? " In the deals' own currencies: what changed is never converted." : "",
    first.not_additive.length
      ? ` Not in the lines, since they are no sums: ${first.not_additive.map(words).join(", ")}.` : "",
  ];
  return [
    el("p", { class: "note" }, notes),
    el("h3", {}, "by cause"), byCause(first.causes),
    el("h3", {}, "line by line, each a milestone"), place,
    el("h3", {}, "before and after"), long(first.rows, groups),
  ];
}

export function startChanges(ofReport) {
  question = ofReport;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    into($("#changed"), changes);
  });
}

/** With from_known or from_position in the address, what changed is shown at once. */
export function openChanges(given) {
  const isAsked = Boolean(given.from_known || given.from_position);
  show($("#changed"));
  if (!isAsked) return;
  setFields(form, given);
  $("#changes").open = true;
  into($("#changed"), changes);
}
