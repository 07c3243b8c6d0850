// The console: reports now and as known then, down to postings, milestones and payloads; deals; quarantine.
"use strict";

const VIEWS = { pipeline: "span", bookings: "span", backlog: "day", billing: "span", collections: "day" };
const GROUPS = ["", "customer", "deal", "product", "segment", "territory", "owner", "entity", "channel", "class",
  "month", "quarter", "year"];
const form = $("#question");
let view = "bookings";
let measures = [];

function table(columns, rows, { totals = [], empty = "Nothing here." } = {}) {
  if (!rows.length) return el("p", { class: "none" }, empty);
  const cell = (column, row) => {
    const value = column.show(row);
    const zero = column.amount && isZero(row[column.name]);
    const kind = column.amount ? `amount${zero ? " zero" : ""}` : column.kind;
    return el("td", { class: kind }, ...(Array.isArray(value) ? value : [value ?? "–"]));
  };
  const head = columns.map((c) => el("th", { class: c.amount && "amount", scope: "col" }, c.title ?? c.name));
  const body = rows.map((row) => {
    const line = el("tr", { class: row.open && "opens", tabindex: row.open && "0" }, columns.map((c) => cell(c, row)));
    if (row.open) {
      line.addEventListener("click", row.open);
      line.addEventListener("keydown", (event) => event.key === "Enter" && row.open());
    }
    return line;
  });
  const foot = totals.map((row) => el("tr", {}, columns.map((c) => cell(c, row))));
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body),
    foot.length ? el("tfoot", {}, foot) : null);
}

const plain = (name, title, kind) => ({ name, title, kind, show: (row) => row[name] });
const when = (name, title) => ({ name, title, kind: "when", show: (row) => moment(row[name]) });

function amount(name, beside) {
  return {
    name, amount: true, title: name.replaceAll("_", " "),
    show: (row) => {
      const value = row[name];
      if (value == null) return "–";
      const delta = beside ? difference(beside(row)?.[name] ?? "0", value) : null;
      const sign = value.startsWith("-") ? "−" : "";
      const text = sign + grouped(value.replace("-", ""));
      return delta ? [text, el("span", { class: `delta ${delta.less ? "less" : "more"}` }, `${delta.text} since`)] : [text];
    },
  };
}

// ---- reports

function parameters(known) {
  const given = Object.fromEntries(new FormData(form));
  const span = VIEWS[view] === "span" || ["month", "quarter", "year"].includes(given.by);
  const asked = { by: given.by, limit: 500 };
  if (span && (given.from || given.to)) Object.assign(asked, { from: given.from, to: given.to });
  else asked.at = span ? "" : given.at;
  if (known && given.known_position) asked.known_position = given.known_position;
  else if (known && given.known_at) asked.known_at = `${given.known_at}Z`;
  return asked;
}

async function report() {
  const given = Object.fromEntries(new FormData(form));
  const path = `/v1/reports/${view}?${query(parameters(true))}`;
  $("#csv").href = `${path}&format=csv`;
  const then = await ask(path);
  const isThen = Boolean(given.known_at || given.known_position);
  const now = isThen && given.beside ? await ask(`/v1/reports/${view}?${query(parameters(false))}`) : null;
  const groups = given.by ? [given.by] : [];
  const name = (row) => JSON.stringify([...groups.map((group) => row[group]), row.currency]);
  const present = new Map((now?.rows ?? []).map((row) => [name(row), row]));
  const rows = then.rows.map((row) => ({ ...row, open: () => drill(row, groups) }));
  for (const [key, row] of present) {
    if (rows.some((other) => name(other) === key)) continue;
    const none = Object.fromEntries(Object.keys(row).map((k) => [k, k in row && !groups.includes(k) && k !== "currency" ? "0" : row[k]]));
    rows.push({ ...none, open: () => drill(row, groups) });
  }
  const sample = then.rows[0] ?? now?.rows[0];
  measures = sample ? Object.keys(sample).filter((k) => ![...groups, "currency", "explain"].includes(k)) : measures;
  const beside = now ? (row) => present.get(name(row)) : null;
  const totals = then.totals.map((row) => ({ ...row, [groups[0]]: "all" }));
  const columns = [...groups.map((group) => plain(group, group, "key")), plain("currency"),
    ...measures.map((measure) => amount(measure, beside))];
  const time = moment(then.known.time) ?? "never";
  $("#known").textContent = `${isThen ? "As known" : "Now"}: position ${then.known.position}, recorded ${time} UTC; ` +
    `generation ${then.generation}, ${then.policies.join(", ")}.${then.next ? " First 500 rows." : ""}` +
    `${now ? " Coloured: what has come since." : ""} Click a row to see what it is made of.`;
  show($("#rows"), table(columns, rows, { totals: groups.length ? totals : [], empty: "No amounts in this view." }));
}

function drawer(...children) {
  show($("#details"), ...children);
  $("#drawer").hidden = false;
  $("#drawer").scrollTop = 0;
}

async function drill(row, groups) {
  await into($("#details"), async () => {
    const found = await ask(`${row.explain}&limit=500`);
    const names = measures.filter((measure) => found.postings.some((posting) => measure in posting.counts));
    const rows = found.postings.map((posting) => ({
      ...posting, ...posting.counts, transfer: `${posting.debit} → ${posting.credit}`,
      open: () => milestone(posting.fact),
    }));
    const sums = found.sums.map((sum) => ({ ...sum, transfer: "sum" }));
    const title = groups.map((group) => row[group] ?? "none").join(", ");
    drawer(
      el("h2", {}, `${view} ${title}, ${row.currency}`),
      el("p", { class: "trail" }, `${rows.length}${found.next ? "+" : ""} postings add up to the row. Click one for its milestone.`),
      el("div", { class: "scroll" }, table([plain("effective_on", "effective", "when"), plain("transfer"),
        ...names.map((measure) => amount(measure)), plain("sku", "sku", "when"), plain("object", "object", "when"),
        plain("deal", "deal", "key")], rows, { totals: sums })),
      found.netted.length ? [el("h3", {}, "netted per deal"), el("div", { class: "scroll" }, table(
        [plain("deal", "deal", "key"), plain("currency"),
          ...Object.keys(found.netted[0]).filter((k) => !["deal", "currency"].includes(k)).map((k) => amount(k))],
        found.netted.map((one) => ({ ...one, open: () => deal(one.deal) }))))] : [],
    );
  });
  $("#drawer").hidden = false;
}

async function milestone(position) {
  await into($("#details"), async () => {
    const found = await ask(`/v1/milestones/${position}`);
    const payload = found.payload;
    drawer(
      el("h2", {}, found.event.type),
      el("p", { class: "trail" }, `${found.event.source} · ${found.event.subject} · position ${found.position}`),
      el("dl", {},
        el("dt", {}, "effective"), el("dd", {}, found.event.data.effective_on),
        el("dt", {}, "recorded"), el("dd", {}, found.recorded_at),
        el("dt", {}, "keys"), el("dd", {}, found.event.data.keys.map((key) =>
          el("div", {}, el("a", { href: "#", onclick: (e) => { e.preventDefault(); deal(key); } }, key))))),
      el("h3", {}, "milestone"), el("pre", {}, JSON.stringify(found.event, null, 2)),
      el("h3", {}, `source payload, ${payload.bytes} bytes, SHA-256 ${payload.digest.slice(0, 16)}…`),
      el("pre", {}, payload.text ?? payload.base64),
    );
  });
  $("#drawer").hidden = false;
}

// ---- a deal

async function deal(key) {
  $("#drawer").hidden = true;
  tab("deal");
  $("#find [name=key]").value = key;
  history.replaceState(null, "", `#deal/${encodeURIComponent(key).replaceAll("%2F", "/")}`);
  await into($("#dossier"), async () => {
    const path = `/v1/deals/${encodeURIComponent(key).replaceAll("%2F", "/")}`;
    const [found, line] = [await ask(path), await ask(`${path}/timeline`)];
    const balances = Object.entries(found.balances).flatMap(([currency, held]) =>
      Object.entries(held).map(([account, value]) => ({ account, currency, value })));
    show($("#dossier"),
      el("h2", {}, found.deal),
      el("div", { class: "cards" },
        el("div", { class: "card keys" }, el("h3", {}, "keys"), found.keys.map((one) => el("div", {}, one))),
        el("div", { class: "card" }, el("h3", {}, "dimensions"), el("dl", {}, Object.entries(found.dimensions)
          .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))),
        el("div", { class: "card" }, el("h3", {}, `balances on ${found.at}`),
          table([plain("account"), plain("currency"), amount("value")], balances.filter((b) => !b.account.startsWith("source"))))),
      el("h3", {}, "timeline"),
      el("div", { class: "scroll" }, table([plain("effective_on", "effective", "when"), plain("type"), plain("source"),
        plain("subject"), when("recorded_at", "recorded"), plain("position")],
      line.milestones.map((one) => ({ ...one, open: () => milestone(one.position) })))));
  });
}

// ---- the log and the quarantine

async function feed() {
  const found = await ask(`/v1/milestones?${query({ after: $("#after [name=after]").value, limit: 200 })}`);
  show($("#log"), table([plain("position"), when("recorded_at", "recorded"), plain("effective_on", "effective"),
    plain("type"), plain("source"), plain("subject")],
  found.milestones.map((one) => ({ ...one, ...one.event, effective_on: one.event.data.effective_on, open: () => milestone(one.position) }))));
}

async function quarantine() {
  const found = await ask("/v1/quarantine?limit=200");
  const reasons = (row) => row.reasons.map((reason) => el("div", {},
    el("span", { class: "code" }, `${reason.code} ${reason.pointer}`), ` ${reason.message ?? ""}`));
  const again = (row) => [el("button", { class: "act", onclick: async (event) => {
    event.stopPropagation();
    await into($("#details"), async () => {
      const told = await ask(`/v1/quarantine/${row.id}/replay`, { method: "POST" });
      drawer(el("h2", {}, `Read again: ${told.results.map((one) => one.outcome).join(", ")}`),
        el("pre", {}, JSON.stringify(told, null, 2)));
      await quarantine();
    });
  } }, "Read again")];
  show($("#held"), table([plain("id"), when("received_at", "received"), plain("source", "source", "key"), plain("type"),
    { name: "reasons", show: reasons }, { name: "replay", title: "", show: again }],
  found.entries.map((one) => ({ ...one, open: () => held(one.id) })), { empty: "Nothing is waiting here." }));
}

async function held(id) {
  await into($("#details"), async () => {
    const found = await ask(`/v1/quarantine/${id}`);
    const { text, base64, ...rest } = found.payload;
    drawer(el("h2", {}, `Quarantine entry ${id}`), el("pre", {}, JSON.stringify({ ...found, payload: rest }, null, 2)),
      el("h3", {}, "as it was accepted"), el("pre", {}, text ?? base64));
  });
  $("#drawer").hidden = false;
}

// ---- the frame

const loaders = {
  reports: () => into($("#rows"), report), feed: () => into($("#log"), feed),
  quarantine: () => into($("#held"), quarantine), deal: () => {},
};

function tab(name) {
  for (const button of document.querySelectorAll("#tabs button"))
    button.setAttribute("aria-selected", String(button.dataset.tab === name));
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  history.replaceState(null, "", `#${name}`);
}

function choose(name) {
  view = name;
  for (const button of document.querySelectorAll("#views button"))
    button.setAttribute("aria-checked", String(button.dataset.view === name));
  adapt();
}

function adapt() {
  const span = VIEWS[view] === "span" || ["month", "quarter", "year"].includes($("#by").value);
  for (const node of document.querySelectorAll(".turnover")) node.hidden = !span;
  for (const node of document.querySelectorAll(".balance")) node.hidden = span;
}

async function standing() {
  try {
    const now = await ask("/v1/status");
    $("#standing").textContent = `${now.log.position} milestones · ${now.projection.behind ? `reports ${now.projection.behind} behind` : "reports up to date"} · ${now.quarantine.open} in quarantine`;
  } catch (error) {
    $("#standing").textContent = error.message;
  }
}

show($("#views"), Object.keys(VIEWS).map((name) => el("button", {
  type: "button", role: "radio", "data-view": name, "aria-checked": "false",
  onclick: () => { choose(name); loaders.reports(); },
}, name)));
show($("#by"), GROUPS.map((name) => el("option", { value: name }, name || "nothing")));
$("#by").value = "customer";
$("#by").addEventListener("change", adapt);
form.addEventListener("submit", (event) => { event.preventDefault(); loaders.reports(); });
$("#find").addEventListener("submit", (event) => { event.preventDefault(); deal($("#find [name=key]").value.trim()); });
$("#after").addEventListener("submit", (event) => { event.preventDefault(); loaders.feed(); });
$("#close").addEventListener("click", () => { $("#drawer").hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") $("#drawer").hidden = true; });
for (const button of document.querySelectorAll("#tabs button"))
  button.addEventListener("click", () => { tab(button.dataset.tab); loaders[button.dataset.tab](); });

choose("bookings");
// #deal/<key> and #milestone/<position> lead straight there
const [first, ...rest] = decodeURIComponent(location.hash.slice(1)).split("/");
if (first === "deal" && rest.length) deal(rest.join("/"));
else {
  tab(first in loaders ? first : "reports");
  loaders[first in loaders ? first : "reports"]();
  if (first === "milestone") milestone(Number(rest[0]));
}
standing();
setInterval(standing, 10_000);
