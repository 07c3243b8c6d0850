// The quarantine: what could not be understood, in groups; an entry with its bytes and the places marked; reading
// again what was mended, and dismissing what nothing is to come of.

import { $, ask, el, into, problem, query, show } from "./ask.js";
import { drawer, milestoneButton } from "./drawer.js";
import { fields, go, onSubmit, setFields } from "./forms.js";
import { moment } from "./money.js";
import { more, plain, scroll, table, when } from "./tables.js";

const ROUTE = "/v1/quarantine";
const form = $("#held-by");
const dialog = $("#dismissal");
const PAGE = 100;

const parameters = (given) => ({ reason: given.reason, source: given.source, mapping: given.mapping,
  mapping_version: given.mapping_version, older_than: given.older_than, status: given.status,
  changed: given.changed ? "true" : "" });

const again = () => into($("#held"), list);

const button = (said, onclick, kind = "act") => el("button", { type: "button", class: kind, onclick }, said);

function readBy(one) {
  if (!one.mapping) return "–";
  const name = one.read_by ? one.read_by.name : one.mapping;
  const version = one.read_by ? one.read_by.version : one.mapping_version;
  return [name + (version ? `@${version} ` : " "),
    one.mapping_changed ? el("span", { class: "badge corrected" }, "changed since") : null].filter(Boolean);
}

// ---- groups

function groups(found, given) {
  if (!found.groups.length) return null;
  const rows = found.groups.map((one) => {
    const only = { reason: one.reason, source: one.source ?? "", mapping: one.mapping ?? "",
      mapping_version: one.mapping_version ?? "" };
    return { ...one, only, open: () => go(`#quarantine?${query({ ...given, ...only })}`) };
  });
  const act = (row) => (row.status === "settled" ? null
    : button("Read all again", () => replayAll({ ...parameters(given), ...row.only }, row.count), "act quiet"));
  const columns = [
    { name: "reason", show: (row) => el("span", { class: "code" }, row.reason) }, plain("source", "source", "group"),
    { name: "mapping", show: readBy }, { name: "count", title: "entries", amount: true, show: (row) => String(row.count) },
    when("oldest"), when("newest"), plain("status"), { name: "act", title: "", show: act },
  ];
  return [el("h3", {}, `${found.count} in ${rows.length === 1 ? "one group" : `${rows.length} groups`}, the oldest of ${moment(found.oldest)} UTC`),
    scroll(table(columns, rows, { label: "groups", stacks: true }))];
}

/** Read a whole group again, page by page, and show how far it is. */
async function replayAll(wanted, count) {
  const told = el("p", { class: "trail", role: "status" });
  const outcomes = {};
  await drawer(async () => [el("h2", {}, `Read again: ${wanted.reason || "all"}`), told]);
  let cursor = null;
  let read = 0;
  const body = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== "" && value != null));
  if (body.changed) body.changed = true;
  try {
    do {
      const page = await ask(`${ROUTE}/replay`, { body: cursor ? { ...body, cursor } : body });
      read += page.entries;
      for (const [name, number] of Object.entries(page.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + number;
      cursor = page.next;
      const said = Object.entries(outcomes).map(([name, number]) => `${name} ${number}`).join(", ") || "nothing fits";
      told.textContent = `${read} of ${Math.max(count, read)} read again: ${said}`;
    } while (cursor);
  } catch (error) {
    told.after(problem(error));
  }
  again();
}

// ---- entries

const reasons = (row) => row.reasons.map((reason) => el("div", {},
  el("span", { class: "code" }, `${reason.code} ${reason.pointer}`), ` ${reason.message ?? ""}`));

function entryTable(entries) {
  const act = (row) => (row.status === "settled" ? null : el("div", { class: "acts" },
    button("Read again", () => readAgain(row.id), "act quiet"),
    row.status === "open" ? button("Dismiss", () => dismiss(row.id), "act quiet") : null));
  const columns = [plain("id"), when("received_at", "received"), plain("source", "source", "group"),
    { name: "mapping", show: readBy }, { name: "reasons", kind: "step", show: reasons },
    plain("next_step", "next step", "step"), { name: "act", title: "", show: act }];
  return scroll(table(columns, entries.map((one) => ({ ...one, open: () => entry(one.id) })),
    { empty: "Nothing is waiting here.", label: "quarantine", stacks: true }));
}

async function list() {
  const given = fields(form);
  const asked = query(parameters(given));
  const [found, first] = await Promise.all([ask(`${ROUTE}/summary?${asked}`), ask(`${ROUTE}?${asked}&limit=${PAGE}`)]);
  const rows = [];
  const place = el("div");
  const draw = (answer) => {
    rows.push(...answer.entries);
    show(place, el("h3", {}, `entries, the oldest first`), entryTable(rows),
      more(answer, `${ROUTE}?${asked}&limit=${PAGE}`, draw, "Show more, younger ones"));
  };
  draw(first);
  return [groups(found, given), place];
}

// ---- one entry

function placed({ place }) {
  if (!place) return null;
  const to = place.end_line === place.line ? `${place.column} to ${place.end_column}` : `${place.column}`;
  return el("span", { class: "small" }, `line ${place.line}, column ${to}${place.exact ? "" : ": it would stand in here"}`);
}

/** The bytes with the places that reasons point to. */
function marked(pieces) {
  const whole = el("pre", { class: "bytes" });
  for (const piece of pieces) {
    if (piece.left_out) whole.append(el("span", { class: "left-out" }, `\n… ${piece.left_out} characters …\n`));
    else if (piece.reasons.length) whole.append(el("mark", { title: piece.reasons.map((at) => `reason ${at + 1}`).join(", ") }, piece.text));
    else whole.append(piece.text);
  }
  return whole;
}

function history(done) {
  if (!done.length) return null;
  const said = (row) => [row.actor, row.note].filter(Boolean).join(": ") || row.reasons.map((one) => one.code).join(", ") || "–";
  const outcome = (row) => (row.position ? [row.outcome, " ", milestoneButton(row.position)] : row.outcome);
  return [el("h3", {}, "what was done"), scroll(table([when("at"), { name: "outcome", show: outcome },
    plain("mapping", "read by"), { name: "said", title: "why", show: said }], done, { label: "history" }))];
}

export const entry = (id) => drawer(async () => {
  const found = await ask(`${ROUTE}/${id}`);
  const { payload } = found;
  return [
    el("h2", {}, `Quarantine entry ${id}`),
    el("p", { class: "trail" }, [found.source, found.type, found.event_id].filter(Boolean).join(" · ") || "nothing of it could be read"),
    el("dl", {},
      el("dt", {}, "status"), el("dd", {}, el("span", { class: `badge ${found.status}` }, found.status)),
      el("dt", {}, "received"), el("dd", {}, `${moment(found.received_at)} UTC`),
      el("dt", {}, "read by"), el("dd", {}, readBy(found)),
      el("dt", {}, "next step"), el("dd", {}, found.next_step)),
    found.status === "settled" ? null : el("div", { class: "acts" }, button("Read again", () => readAgain(id)),
      found.status === "open" ? button("Dismiss", () => dismiss(id), "act quiet") : null),
    el("h3", {}, "why it could not be understood"),
    el("ol", { class: "reasons" }, found.reasons.map((reason) => el("li", {},
      el("span", { class: "code" }, `${reason.code} ${reason.pointer}`), ` ${reason.message ?? ""}`, placed(reason)))),
    el("h3", {}, `as it was accepted, ${payload.bytes} bytes, SHA-256 ${payload.digest.slice(0, 16)}…`),
    payload.base64 ? el("p", { class: "note" }, "Not UTF-8: what is no text is shown as �.") : null,
    marked(payload.shown),
    history(found.history),
  ];
});

async function readAgain(id) {
  await drawer(async () => {
    const told = await ask(`${ROUTE}/${id}/replay`, { method: "POST" });
    return [el("h2", {}, `Read again: ${told.results.map((one) => one.outcome).join(", ")}`),
      el("ul", {}, told.results.map((one) => el("li", {}, one.outcome, " ", one.position ? milestoneButton(one.position) : null,
        one.reasons.map((reason) => el("div", {}, el("span", { class: "code" }, `${reason.code} ${reason.pointer}`), ` ${reason.message}`)))))];
  });
  again();
}

function dismiss(id) {
  const asked = $("form", dialog);
  asked.reset();
  $("#dismissal-title").textContent = `Dismiss entry ${id}`;
  asked.elements.actor.value = sessionStorage.getItem("cairn-actor") ?? "";
  show($("#dismissal-told"));
  asked.onsubmit = async (event) => {
    event.preventDefault();
    const { actor, note } = fields(asked);
    try {
      await ask(`${ROUTE}/${id}/dismiss`, { body: { actor, note } });
      sessionStorage.setItem("cairn-actor", actor);
      dialog.close();
      again();
    } catch (error) {
      show($("#dismissal-told"), problem(error));
    }
  };
  dialog.showModal();
}

export function startQuarantine() {
  onSubmit(form, "quarantine");
  for (const one of dialog.querySelectorAll("[data-cancel]")) one.addEventListener("click", () => dialog.close());
}

export function openQuarantine(given, rest) {
  if (Object.keys(given).length) setFields(form, given);
  const done = into($("#held"), list);
  if (/^[0-9]+$/.test(rest)) entry(Number(rest));
  return done;
}
