// Reports: now and as known then, restated and as reported, in one currency, under one policy or two.

import { $, ask, el, into, meanings, Problem, query, show } from "./ask.js";
import { openChanges, startChanges } from "./changes.js";
import { postings } from "./drawer.js";
import { fields, onSubmit, setFields } from "./forms.js";
import { moment, words, zeroLike } from "./money.js";
import { amount, groupColumn, more, plain, scroll, table, unrated } from "./tables.js";

/** span: turnovers of from .. to; day: balances at a day; either: balances, or with `from` how they moved. */
const VIEWS = { pipeline: "span", bookings: "span", backlog: "day", billing: "span", collections: "day", arr: "either" };
const PERIODS = ["month", "quarter", "year"];
const GROUPS = ["", "customer", "deal", "product", "segment", "territory", "owner", "entity", "channel", "class",
  ...PERIODS];
const NOT_MEASURES = ["policy", "currency", "explain"];
const RATIOS = ["nrr", "grr"];
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

/** A row like another with nothing in it: what is left out of an answer since all of it is zero. */
function nothing(row, groups, own) {
  const kept = (k) => groups.includes(k) || NOT_MEASURES.includes(k);
  const zero = (k, value) => (value === null || RATIOS.includes(k) ? null : zeroLike(value));
  return { ...Object.fromEntries(Object.entries(row).map(([k, value]) => [k, kept(k) ? value : zero(k, value)])), ...own };
}

const byName = (rows, name) => new Map(rows.map((row) => [name(row), row]));

/** Rows, and after them nothing for each of the others that is not among them. */
function withAbsent(rows, others, groups, name, own = {}) {
  const there = byName(rows, name);
  return [...rows, ...others.filter((row) => !there.has(name(row))).map((row) => nothing(row, groups, own))];
}

/** Rows of two policies, those of one group beside each other; and of each second one, its first. */
function paired(all, policies, groups, isWhole) {
  const name = nameOf(groups);
  const [first, second] = policies.map((policy) => all.filter((row) => row.policy === policy));
  const full = [withAbsent(first, second, groups, name, { policy: policies[0], explain: null })];
  // of a second one that is on a later page nothing can be said yet
  full.push(isWhole ? withAbsent(second, first, groups, name, { policy: policies[1], explain: null }) : second);
  const [, others] = full.map((rows) => byName(rows, name));
  const rows = full[0].flatMap((row) => [row, others.get(name(row))].filter(Boolean));
  const own = byName(full[0], name);
  return { rows, beside: (row) => (row.policy === policies[0] ? null : own.get(name(row)) ?? {}) };
}

/** What stands beside each row: the same group now, or under the first policy; beside: null where nothing does. */
function compared(rows, now, policies, groups, isWhole) {
  if (now) {
    const [name, present] = [nameOf(groups), byName(now, nameOf(groups))];
    return { rows: isWhole ? withAbsent(rows, now, groups, name) : rows, beside: (row) => present.get(name(row)) ?? {} };
  }
  return policies.length > 1 ? paired(rows, policies, groups, isWhole) : { rows, beside: null };
}

/** What the measures of a report mean, for those who want to read it. */
function legend(measures, told) {
  const known = measures.filter((name) => told[name]);
  if (!known.length) return null;
  return el("details", { class: "legend" }, el("summary", {}, "What the measures mean"),
    el("dl", {}, known.map((name) => [
      el("dt", {}, words(name)), el("dd", {}, told[name].means, el("span", { class: "small" }, told[name].kind))])));
}

function drawn(given, then, now, isWhole, told) {
  const [groups, policies] = [groupsOf(given), policiesOf(given)];
  const { rows, beside } = compared(then.rows, now?.rows, policies, groups, isWhole);
  const sums = compared(then.totals, now?.totals, policies, [], true);
  const sample = rows[0] ?? {};
  const measures = Object.keys(sample).filter((k) => ![...groups, ...NOT_MEASURES].includes(k));
  const isSum = (row) => row.kind === "sum";
  const other = beside && ((row) => (isSum(row) ? sums : { beside }).beside(row));
  const asked = { beside: other, ahead: Boolean(now), said: now ? " since" : "" };
  const columns = [
    ...groups.map(groupColumn), policies.length ? plain("policy", "policy", "when") : null, plain("currency"),
    ...measures.map((measure) => amount(measure, { ...asked, means: told[measure]?.means })),
  ].filter(Boolean);
  const title = (row) => [given.view, ...groups.map((group) => row[group] ?? "none"), row.currency].join(" · ");
  const found = rows.map((row) =>
    ({ ...row, open: row.explain && (() => postings(title(row), row.explain, { measures })) }));
  const all = groups.length ? { [groups[0]]: "all" } : {};
  const totals = sums.rows.map((row) => ({ ...row, ...all, kind: "sum" }));
  const label = `${given.view}${groups.length ? ` by ${groups.join(" and ")}` : ""}`;
  return [
    scroll(table(columns, found, { totals, label, empty: "Nothing here: no posting counts in this span." })),
    unrated(then),
    legend(measures, told),
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

/** An answer with the rows of all its pages. */
async function whole(address) {
  const first = await ask(address);
  for (let page = first; page.next;) {
    page = await ask(`${address}&cursor=${encodeURIComponent(page.next)}`);
    first.rows.push(...page.rows);
  }
  return first;
}

async function report() {
  const given = fields(form);
  checked(given);
  const address = `/v1/reports/${given.view}?${query(parameters(given, true))}`;
  $("#csv").href = `${address}&format=csv`;
  const isThen = Boolean(given.known_at || given.known_position);
  const isBeside = isThen && Boolean(given.beside) && !given.other;
  const then = await ask(address);
  const current = query({ ...parameters(given, false), limit: 10_000 });
  const now = isBeside ? await whole(`/v1/reports/${given.view}?${current}`) : null;
  const told = await meanings(given.view);
  const place = el("div");
  const draw = (answer) => {
    if (answer !== then) then.rows.push(...answer.rows);
    show(place, drawn(given, then, now, !answer.next, told), more(answer, address, draw), note(then, isThen, isBeside));
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
