// The bridge from won to ordered to invoiced to gross to cash: per currency, by reason, in total and by group.

import { $, ask, el, into, Problem, query, show } from "./ask.js";
import { fields, go, onSubmit, setFields } from "./forms.js";
import { moment, words } from "./money.js";
import { amount, groupColumn, more, plain, scroll, table, unrated } from "./tables.js";
import { items, waterfall } from "./waterfall.js";

const GROUPS = ["deal", "customer", "segment", "territory", "owner", "entity", "channel", "class"];
const FIGURES = ["won", "ordered", "invoiced", "gross", "cash"];
const form = $("#span");

function parameters(given) {
  const asked = {
    at: given.at, by: given.by, deal: given.deal, customer: given.customer, currency: given.currency,
    rate: given.rate, policy: given.policy, limit: 500,
  };
  if (given.known_position) asked.known_position = given.known_position;
  else if (given.known_at) asked.known_at = `${given.known_at}Z`;
  return asked;
}

const stepOf = (name) => words(name).replace(" ", " → ");

/** The figures of one group and what was taken away between them, drawn and as a table beside it. */
export function spanOf(figures, rows, { title, choose = null, chosen = null } = {}) {
  const lines = items(figures, rows, choose);
  const columns = [plain("label", "figure, and by reason"), amount("value", { title: "taken away" })];
  const listed = lines.map((row) => ({
    ...row,
    kind: row.isFigure ? "figure" : row.name === chosen ? "part chosen" : "part",
  }));
  return el("div", { class: "beside" },
    el("div", { class: "card" }, waterfall(title, lines, chosen)),
    scroll(table(columns, listed, { label: title })));
}

const titleOf = (answer, currency) => `From won to cash on ${answer.at}, ${currency}`;

/** The bridge of one deal, a waterfall a currency. */
export function dealBridge(answer) {
  if (!answer.figures.length) return el("p", { class: "none" }, "Nothing was won, ordered or invoiced.");
  return answer.figures.map((figures) => [
    el("h4", {}, figures.currency),
    spanOf(figures, answer.rows.filter((row) => row.currency === figures.currency),
      { title: titleOf(answer, figures.currency) }),
  ]);
}

const isOf = (chosen) => (row) => chosen === null || `${row.step}/${row.reason}` === chosen;

function opener(given, groups) {
  const [group] = groups;
  if (group !== "customer") return null; // a deal's name is a link; other groups are no filter of this form
  return (row) => () => go(`#bridge?${query({ ...given, by: "deal", [group]: row[group] })}`);
}

/** What one currency shows: the waterfall in total, then group by group. state: {currency, chosen}. */
function drawn(answer, given, state, again) {
  const groups = [given.by || "deal"];
  const total = answer.totals.find((one) => one.currency === state.currency);
  const choose = (row) => {
    const name = `${row.step}/${row.reason}`;
    state.chosen = state.chosen === name ? null : name;
    again();
  };
  const open = opener(given, groups);
  const mine = (row) => row.currency === state.currency;
  const rows = answer.rows.filter(mine).filter(isOf(state.chosen));
  const figures = answer.figures.filter(mine).map((row) => ({ ...row, open: open && open(row) }));
  const reasons = [
    ...groups.map(groupColumn), { name: "step", show: (row) => stepOf(row.step) },
    { name: "reason", show: (row) => words(row.reason) }, amount("amount", { title: "taken away" }),
  ];
  const said = state.chosen === null ? "by reason" : `by reason: ${words(state.chosen.split("/")[1])}`;
  return [
    spanOf(total, total.rows, { title: titleOf(answer, state.currency), choose, chosen: state.chosen }),
    el("h3", {}, `${said} `, state.chosen === null ? null
      : el("button", { type: "button", class: "link", onclick: () => { state.chosen = null; again(); } }, "all reasons")),
    scroll(table(reasons, rows, { label: said, empty: "Nothing is taken away." })),
    el("h3", {}, `figures by ${groups[0]}`),
    scroll(table([...groups.map(groupColumn), ...FIGURES.map((name) => amount(name))], figures, { label: "figures" })),
  ];
}

function currencies(answer, state, again) {
  return el("div", { class: "switch", role: "group", "aria-label": "Currency" }, answer.totals.map((one) =>
    el("button", { type: "button", "aria-pressed": String(one.currency === state.currency), onclick: () => {
      Object.assign(state, { currency: one.currency, chosen: null });
      again();
    } }, one.currency)));
}

async function bridge() {
  const given = fields(form);
  if (given.rate && !given.currency) throw new Problem("To convert, say into which currency, for example EUR.");
  if (given.policy.includes(",")) throw new Problem("The bridge is drawn under one policy at a time.");
  const address = `/v1/reports/bridge?${query(parameters(given))}`;
  $("#bridge-csv").href = `${address}&format=csv`;
  const all = await ask(address);
  if (!all.totals.length) return el("p", { class: "none" }, "Nothing was won, ordered or invoiced by then.");
  const state = { currency: all.totals[0].currency, chosen: null };
  const place = el("div");
  const draw = (answer) => {
    if (answer !== all) {
      all.rows.push(...answer.rows);
      all.figures.push(...answer.figures);
    }
    const again = () => show(place, currencies(all, state, again), drawn(all, given, state, again),
      unrated(all), more(answer, address, draw),
      el("p", { class: "note" }, `On ${all.at}, as known at position ${all.known.position}`
        + ` (${moment(all.known.time) ?? "never"} UTC) · policies ${all.policies.join(", ")}.`));
    again();
  };
  draw(all);
  return place;
}

export function startBridge() {
  show($("#bridge-by"), GROUPS.map((name) => el("option", { value: name }, name)));
  onSubmit(form, "bridge");
}

export function openBridge(given) {
  setFields(form, given);
  return into($("#steps"), bridge);
}
