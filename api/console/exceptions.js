// Exceptions: what somebody has to do something about, and saying what is done: acknowledge, assign, resolve.

import { $, ask, choices, el, into, problem, query, show } from "./ask.js";
import { milestoneButton, positionOf, postings } from "./drawer.js";
import { fields, go, onSubmit, setFields } from "./forms.js";
import { compareAmounts, grouped, moment, words } from "./money.js";
import { dealColumn, more, scroll, table } from "./tables.js";

const ROUTE = "/v1/reports/exceptions";
const ACTIONS = ["acknowledge", "assign", "resolve"];
const form = $("#sought");
const dialog = $("#handling");
// How the list is sorted; kept while it is read again.
const sort = { name: "age", down: true };

const text = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

// Amounts of two currencies can't be compared: within a currency by amount, currencies by name.
function byAmount(one, other) {
  return -text(one.currency ?? "~", other.currency ?? "~") * (sort.down ? 1 : -1)
    || compareAmounts(one.amount_at_risk, other.amount_at_risk);
}

function codeCell(row) {
  const about = [row.object, row.detail].filter(Boolean).join(" · ");
  return [el("span", { class: "code" }, row.code), about ? el("span", { class: "small" }, about) : null,
    el("span", { class: "small" }, sources(row))].filter(Boolean);
}

function sources(row) {
  const links = (row.facts ?? []).map((link) => milestoneButton(positionOf(link)));
  const title = [row.code, row.deal, row.currency].filter(Boolean).join(" · ");
  const said = "of the deal in that currency, with those behind the amount at risk among them";
  if (row.explain?.includes("/explain?"))
    links.push(el("button", { type: "button", class: "link", onclick: () => postings(title, row.explain, { said }) },
      "postings"));
  if (row.code === "QUARANTINED") links.push(el("a", { href: `#${row.object ?? "quarantine"}` }, "quarantine"));
  return links;
}

function riskCell(row) {
  return row.amount_at_risk == null ? "–" : [grouped(row.amount_at_risk), el("span", { class: "small" }, row.currency)];
}

function whoseCell(row) {
  const { handled } = row;
  const told = handled && [handled.actor, handled.note].filter(Boolean).join(": ");
  return [
    el("div", {}, words(row.owner ?? "–")), el("span", { class: `badge ${row.status}` }, row.status),
    row.assignee ? el("span", { class: "small" }, `to ${row.assignee}`) : null,
    told ? el("span", { class: "small" }, told, " ",
      handled.milestone ? milestoneButton(positionOf(handled.milestone)) : null) : null,
  ].filter(Boolean);
}

const stepCell = (again) => (row) => {
  const possible = ACTIONS.filter((action) =>
    row.status !== "resolved" && (action !== "acknowledge" || row.status === "open"));
  return [el("div", {}, row.suggested_action), el("div", { class: "acts" }, possible.map((action) =>
    el("button", { type: "button", class: "act quiet", onclick: () => handle(row, action, again) }, action)))];
};

/** Exceptions as a table; again: what reads them anew after one was handled, given the position to wait for. */
export function exceptionTable(rows, again, { isOfDeal = false, empty = "Nothing to do." } = {}) {
  const columns = [
    { name: "code", show: codeCell, compare: (a, b) => text(b.code, a.code) },
    isOfDeal ? null : dealColumn(),
    { name: "amount_at_risk", title: "at risk", amount: true, show: riskCell, compare: byAmount },
    { name: "age", kind: "when", show: (row) => [row.age, el("span", { class: "small" }, `since ${moment(row.since)}`)],
      compare: (a, b) => a.age_seconds - b.age_seconds },
    { name: "owner", title: "owner, status", show: whoseCell },
    { name: "step", title: "next step", kind: "step", show: stepCell(again) },
  ].filter(Boolean);
  return scroll(table(columns, rows, { sort, empty, label: "exceptions", stacks: true }));
}

// ---- handling one

function handle(row, action, again) {
  const asked = $("form", dialog);
  asked.reset();
  $("#handling-title").textContent = `${action[0].toUpperCase()}${action.slice(1)} ${row.code}`;
  const risk = row.amount_at_risk && `${grouped(row.amount_at_risk)} ${row.currency}`;
  $("#handling-of").textContent = [row.deal, risk, row.suggested_action].filter(Boolean).join(" · ");
  for (const node of dialog.querySelectorAll(".assign")) node.hidden = action !== "assign";
  asked.elements.actor.value = sessionStorage.getItem("cairn-actor") ?? "";
  $("#handling-send").textContent = action;
  show($("#handling-told"));
  asked.onsubmit = (event) => {
    event.preventDefault();
    send(row, action, fields(asked), again);
  };
  dialog.showModal();
}

async function send(row, action, { actor, note, assignee }, again) {
  const body = { actor };
  if (note) body.note = note;
  if (action === "assign" && assignee) body.assignee = assignee;
  $("#handling-send").disabled = true;
  try {
    const done = await ask(`/v1/exceptions/${encodeURIComponent(row.id)}/${action}`, { body });
    sessionStorage.setItem("cairn-actor", actor);
    dialog.close();
    again(done.position);
  } catch (error) {
    show($("#handling-told"), problem(error));
  } finally {
    $("#handling-send").disabled = false;
  }
}

// ---- the section

function parameters(given) {
  const asked = { at: given.at, owner: given.owner, status: given.status, deal: given.deal };
  if (given.known_position) asked.known_position = given.known_position;
  return asked;
}

function countsOf(counts, given) {
  const chips = Object.entries(counts).sort((a, b) => b[1] - a[1] || text(a[0], b[0]));
  if (!chips.length) return null;
  return el("div", { class: "chips", role: "group", "aria-label": "Counts by code" }, chips.map(([code, count]) => {
    const isChosen = code === given.code;
    return el("button", { type: "button", class: "chip", "aria-pressed": String(isChosen),
      onclick: () => go(`#exceptions?${query({ ...given, code: isChosen ? "" : code })}`) },
    el("b", {}, String(count)), ` ${words(code).toLowerCase()}`);
  }));
}

async function list(atLeast = null) {
  const given = fields(form);
  const others = parameters(given);
  const address = `${ROUTE}?${query({ ...others, code: given.code, limit: 500 })}`;
  $("#exceptions-csv").href = `${address}&format=csv`;
  const first = await ask(atLeast ? `${address}&at_least=${atLeast}` : address);
  const { counts } = given.code ? await ask(`${ROUTE}?${query({ ...others, limit: 1 })}`) : first;
  const rows = [];
  const place = el("div");
  const again = (position) => into($("#waiting"), () => list(position));
  const draw = (answer) => {
    rows.push(...answer.rows);
    const total = Object.values(first.counts).reduce((sum, one) => sum + one, 0);
    show(place, el("p", { class: "note" }, said(first, rows.length, total)),
      exceptionTable(rows, again), more(answer, address, draw, "Show more, younger ones"));
  };
  draw(first);
  return [countsOf(counts, given), place];
}

function said(answer, shown, total) {
  const which = shown < total ? `The oldest ${shown} of ${total}` : `${total}`;
  return `${which} on ${answer.at}, as known at position ${answer.known.position}.`;
}

async function offer(place, name, first) {
  const chosen = $(place).value;
  const found = await choices(ROUTE, name).catch(() => []);
  const all = [...new Set([...found, chosen].filter(Boolean))];
  show($(place), el("option", { value: "" }, first), all.map((one) => el("option", { value: one }, words(one))));
  $(place).value = chosen;
}

export function startExceptions() {
  onSubmit(form, "exceptions");
  for (const one of dialog.querySelectorAll("[data-cancel]")) one.addEventListener("click", () => dialog.close());
}

export function openExceptions(given) {
  setFields(form, given);
  offer("#code", "code", "all codes");
  offer("#owner", "owner", "all owners");
  offer("#status", "status", "all but resolved");
  return into($("#waiting"), list);
}
