// The drawer: from a number to its postings, to the milestone behind one, to the bytes that it came in.

import { $, ask, el, into, show } from "./ask.js";
import { grouped, moment } from "./money.js";
import { amount, dealColumn, dealLink, more, plain, scroll, table } from "./tables.js";

const trail = [];
let returnTo = null;

function step() {
  const { work } = trail.at(-1);
  $("#back").hidden = trail.length < 2;
  $("#drawer").scrollTop = 0;
  return into($("#details"), work);
}

/** Show what `work` comes to in the drawer; what was there before is one step back. */
export function drawer(work) {
  const opened = $("#drawer").hidden;
  if (opened) {
    returnTo = document.activeElement;
    trail.length = 0;
  }
  trail.push({ work });
  $("#drawer").hidden = false;
  const done = step();
  if (opened) $("#close").focus();
  return done;
}

export function closeDrawer() {
  if ($("#drawer").hidden) return;
  $("#drawer").hidden = true;
  show($("#details"));
  returnTo?.focus();
}

export function startDrawer() {
  $("#close").addEventListener("click", closeDrawer);
  $("#back").addEventListener("click", () => {
    trail.pop();
    step();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) closeDrawer();
  });
}

/** A button that opens a milestone; said: what it says, default its position. */
export const milestoneButton = (position, said = `#${position}`) =>
  el("button", { type: "button", class: "link", onclick: () => milestone(position) }, said);

/** The position in a link to a milestone. */
export const positionOf = (link) => Number(link.match(/^\/v1\/milestones\/([0-9]+)/)?.[1]);

export const milestone = (position) => drawer(async () => {
  const found = await ask(`/v1/milestones/${position}`);
  const { event, payload } = found;
  return [
    el("h2", {}, event.type),
    el("p", { class: "trail" }, `${event.source} · ${event.subject} · position ${found.position}`),
    el("dl", {},
      el("dt", {}, "effective"), el("dd", {}, event.data.effective_on),
      el("dt", {}, "recorded"), el("dd", {}, `${moment(found.recorded_at)} UTC`),
      event.actor ? [el("dt", {}, "actor"), el("dd", {}, event.actor)] : null,
      el("dt", {}, "keys"), el("dd", {}, event.data.keys.map((key) => el("div", {}, dealLink(key))))),
    el("h3", {}, "milestone"), el("pre", {}, JSON.stringify(event, null, 2)),
    el("h3", {}, `source payload, ${payload.bytes} bytes, SHA-256 ${payload.digest.slice(0, 16)}…`),
    el("pre", {}, payload.text ?? payload.base64),
  ];
});

// Of converted rows every posting says what it comes to, and below that its own amount; its rate stands beside.
function counted(measure) {
  const own = amount(measure);
  const show = (one) => (one.rate == null || one.own?.[measure] == null ? own.show(one)
    : [grouped(one[measure]), el("span", { class: "small" }, `${grouped(one.own[measure])} ${one.currency}`)]);
  return { ...own, show };
}

function postingColumns(postings, measures) {
  const names = measures.filter((measure) => postings.some((one) => measure in one.counts));
  return [
    plain("effective_on", "effective", "when"),
    postings.some((one) => one.reported_on) ? plain("reported_on", "reported on", "when") : null,
    plain("transfer", "transfer", "transfer"),
    ...names.map(counted),
    postings.some((one) => one.rate) ? plain("rate", "rate", "when") : null,
    ...["sku", "object"].filter((name) => postings.some((one) => one[name])).map((name) => plain(name, name, "when")),
    dealColumn(),
  ].filter(Boolean);
}

const posting = (one) => ({
  ...one, ...one.counts, ...one.converted, own: one.counts, transfer: `${one.debit} → ${one.credit}`,
  open: () => milestone(one.fact),
});

/** The postings behind a row; measures: those of its report, all where null. said: what they are to it. */
export const postings = (title, explain, { measures = null, said = "add up to the row" } = {}) => drawer(async () => {
  const address = `${explain}&limit=200`;
  const place = el("div");
  let all = [];
  let read = 0;
  const draw = (answer) => {
    read += answer.postings.length;
    // those that touch the accounts of the row and count nothing in it, by their day or their class, are left out
    all = all.concat(answer.postings.filter((one) => Object.keys(one.counts).length));
    const names = measures ?? [...new Set(all.flatMap((one) => Object.keys(one.counts)))];
    show(place,
      el("p", { class: "trail" }, `${all.length} postings${answer.next ? ` among the first ${read}` : ""} ${said}.`
        + " Each leads to its milestone."),
      scroll(table(postingColumns(all, names), all.map(posting), {
        totals: answer.sums.map((one) => ({ ...one, transfer: `sum, ${one.currency}` })),
        empty: "No posting counts here.", stacks: true,
      })),
      more(answer, address, draw),
      answer.netted.length ? netted(answer.netted) : null);
  };
  draw(await ask(address));
  return [el("h2", {}, title), place];
});

function netted(rows) {
  const groups = ["deal", "customer", "currency"];
  const names = Object.keys(rows[0]).filter((name) => !groups.includes(name));
  const first = "deal" in rows[0] ? dealColumn() : plain("customer");
  return [el("h3", {}, "deal" in rows[0] ? "netted per deal" : "worked out per customer"),
    scroll(table([first, plain("currency"), ...names.map((name) => amount(name))], rows))];
}
