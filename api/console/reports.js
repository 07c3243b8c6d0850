// Reports: now and as known then, restated and as reported, in one currency, under one policy or two.

import { $, ask, el, into, Problem, query, show } from "./ask.js";
import { openChanges, startChanges } from "./changes.js";
import { postings } from "./drawer.js";
import { fields, onSubmit, setFields } from "./forms.js";
import { moment } from "./money.js";
import { amount, dealColumn, groupColumn, more, plain, scroll, table } from "./tables.js";

/** span: turnovers of from .. to; day: balances at a day; either: balances, or with `from` how they moved. */
const VIEWS = { pipeline: "span", bookings: "span", backlog: "day", billing: "span", collections: "day", arr: "either" };
const PERIODS = ["month", "quarter", "year"];
const GROUPS = ["", "customer", "deal", "product", "segment", "territory", "owner", "entity", "channel", "class",
  ...PERIODS];
const NOT_MEASURES = ["policy", "currency", "explain"];
const form = $("#question");

const groupsOf = (given) => [...new Set([given.by, given.and].filter(Boolean))];
const policiesOf = (given) => [...new Set([given.policy, given.other].filter(Boolean))];

function isSpan(given) {
  return VIEWS[given.view] !== "day" || groupsOf(given).some((name) => PERIODS.includes(name));
}

/** What both a report and what changed in it are asked with. */
function basics(given) {
  const asked = { by: groupsOf(given).join(","), basis: given.basis };
  if (!isSpan(given)) asked.at = given.at;
  else if (!given.from && VIEWS[given.view] === "either") asked.at = given.to;
  else Object.assign(asked, { from: given.from, to: given.to });
  if (!given.rate) asked.currency = given.currency;
  return asked;
}

function parameters(given, isKnown) {
  const asked = { ...basics(given), currency: given.currency, limit: 500 };
  if (given.rate) asked.rate = given.rate === "constant" ? `constant:${given.on}` : given.rate;
  asked.policy = policiesOf(given).join(",");
  if (isKnown && given.known_position) asked.known_position = given.known_position;
  else if (isKnown && given.known_at) asked.known_at = `${given.known_at}Z`;
  return asked;
}

function checked(given) {
  if (given.rate && !given.currency) throw new Problem("To convert, say into which currency, for example EUR.");
  if (given.rate === "constant" && !given.on) throw new Problem("A constant rate needs its day: fill in “rate of”.");
  if (given.other && !given.policy) throw new Problem("Choose the first policy too: the second is shown beside it.");
}

const nameOf = (groups) => (row) => JSON.stringify([...groups.map((group) => row[group]), row.currency]);

/** Rows of two policies, those of one group beside each other; and of each second one, its first. */
function paired(rows, policies, name) {
  const place = new Map();
  for (const row of rows) if (!place.has(name(row))) place.set(name(row), place.size);
  const first = new Map(rows.filter((row) => row.policy === policies[0]).map((row) => [name(row), row]));
  const sorted = [...rows].sort((a, b) =>
    place.get(name(a)) - place.get(name(b)) || policies.indexOf(a.policy) - policies.indexOf(b.policy));
  return { rows: sorted, beside: (row) => (row.policy === policies[0] ? null : first.get(name(row)) ?? {}) };
}

// Rows that are there now, and were not then: all zero then.
function withAbsent(rows, present, groups, name) {
  const there = new Set(rows.map(name));
  const kept = (k) => groups.includes(k) || NOT_MEASURES.includes(k);
  const absent = [...present].filter(([key]) => !there.has(key)).map(([, row]) => Object.fromEntries(
    Object.entries(row).map(([k, value]) => [k, kept(k) || value === null ? value : "0"])));
  return [...rows, ...absent];
}

function drawn(given, then, now) {
  const [groups, policies] = [groupsOf(given), policiesOf(given)];
  const name = nameOf(groups);
  const present = new Map((now?.rows ?? []).map((row) => [name(row), row]));
  let { rows } = then;
  let beside = now ? (row) => present.get(name(row)) ?? {} : null;
  if (now) rows = withAbsent(rows, present, groups, name);
  else if (policies.length > 1) ({ rows, beside } = paired(rows, policies, name));
  const sample = rows[0] ?? {};
  const measures = Object.keys(sample).filter((k) => ![...groups, ...NOT_MEASURES].includes(k));
  const compared = { beside, ahead: Boolean(now), said: now ? " since" : "" };
  const columns = [
    ...groups.map(groupColumn), policies.length ? plain("policy", "policy", "when") : null, plain("currency"),
    ...measures.map((measure) => amount(measure, compared)),
  ].filter(Boolean);
  const title = (row) => [given.view, ...groups.map((group) => row[group] ?? "none"), row.currency].join(" · ");
  const found = rows.map((row) =>
    ({ ...row, open: row.explain && (() => postings(title(row), row.explain, { measures })) }));
  const totals = then.totals.map((row) => ({ ...row, [groups[0]]: "all", kind: "sum" }));
  const label = `${given.view}${groups.length ? ` by ${groups.join(" and ")}` : ""}`;
  return [
    scroll(table(columns, found, { totals, label, empty: "Nothing here: no posting counts in this span." })),
    unrated(then),
  ];
}

function unrated(answer) {
  if (!answer.unrated?.length) return null;
  return [
    el("h3", {}, "stays in its own currency: no rate"),
    scroll(table(
      [dealColumn(), plain("currency"), plain("to"), plain("on", "on", "when"), plain("message")], answer.unrated)),
  ];
}

/** From what the answer was given, in words. */
function note(answer, isThen, isBeside) {
  const said = [
    `${isThen ? "As known then" : "As known now"}: position ${answer.known.position}`,
    `recorded ${moment(answer.known.time) ?? "never"} UTC`,
    `basis ${answer.basis.replace("_", " ")}`,
    `policies ${answer.policies.join(", ")}`,
    `generation ${answer.generation}`,
  ];
  return el("p", { class: "note" }, `${said.join(" · ")}.`,
    isBeside ? " Coloured: what has come since." : "", " A row leads to what it is made of.");
}

async function report() {
  const given = fields(form);
  checked(given);
  const address = `/v1/reports/${given.view}?${query(parameters(given, true))}`;
  $("#csv").href = `${address}&format=csv`;
  const isThen = Boolean(given.known_at || given.known_position);
  const isBeside = isThen && Boolean(given.beside) && !given.other;
  const then = await ask(address);
  const now = isBeside ? await ask(`/v1/reports/${given.view}?${query(parameters(given, false))}`) : null;
  const place = el("div");
  const draw = (answer) => {
    if (answer !== then) then.rows.push(...answer.rows);
    show(place, drawn(given, then, now), more(answer, address, draw), note(then, isThen, isBeside));
  };
  draw(then);
  return place;
}

// ---- the form

// The day of a balance is the last one of a span: one field follows the other.
function shareDay({ name } = {}) {
  const { at, to } = form.elements;
  if (name === "to") at.value = to.value;
  else if (name === "at") to.value = at.value;
  else [at.value, to.value] = [at.value || to.value, to.value || at.value];
}

function adapt() {
  const given = fields(form);
  const span = isSpan(given);
  for (const node of document.querySelectorAll("#question .turnover")) node.hidden = !span;
  for (const node of document.querySelectorAll("#question .balance")) node.hidden = span;
  for (const node of document.querySelectorAll("#question .constant")) node.hidden = given.rate !== "constant";
}

async function offerPolicies() {
  let allowed = [];
  try {
    allowed = (await ask("/v1/policies")).policies.map((policy) => policy.name);
  } catch {
    // nothing has been projected yet: there is nothing to choose from
  }
  for (const place of ["#policy", "#other"]) {
    const chosen = $(place).value;
    const options = [...new Set([...allowed, chosen].filter(Boolean))];
    show($(place), el("option", { value: "" }, place === "#policy" ? "as in force" : "no other"),
      options.map((stamp) => el("option", { value: stamp }, stamp)));
    $(place).value = chosen;
  }
}

/** The question of the report that is shown, for what changed in it. */
export const question = () => {
  const given = fields(form);
  return { view: given.view, groups: groupsOf(given), asked: basics(given), isConverted: Boolean(given.rate) };
};

export function startReports() {
  show($("#views"), Object.keys(VIEWS).map((name) => el("label", {},
    el("input", { type: "radio", name: "view", value: name, checked: name === "bookings" }), el("span", {}, name))));
  for (const place of ["#by", "#and"])
    show($(place), GROUPS.map((name) => el("option", { value: name }, name || "nothing")));
  $("#by option[value=customer]").setAttribute("selected", "");
  form.addEventListener("change", (event) => {
    if (["at", "to"].includes(event.target.name)) shareDay(event.target);
    adapt();
    if (event.target.name === "view") form.requestSubmit();
  });
  for (const place of ["#policy", "#other"]) $(place).addEventListener("focus", offerPolicies, { once: true });
  onSubmit(form, "reports");
  startChanges(question);
}

export function openReports(given) {
  setFields(form, given);
  shareDay();
  adapt();
  openChanges(given);
  return into($("#rows"), report);
}
