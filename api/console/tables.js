// Tables: columns, rows that open something, sums below, sorting by a column, more rows on demand.

import { ask, el, path, problem } from "./ask.js";
import { difference, grouped, isZero, moment, words } from "./money.js";

/** Tables with more columns are set closer. */
const MANY = 10;

export const plain = (name, title, kind) => ({ name, title, kind, show: (row) => row[name] });

export const when = (name, title) => ({ name, title, kind: "when", show: (row) => moment(row[name]) });

/** A long name that may break after its slashes and colons. */
export const breaking = (text) => text.split(/(?<=[:/])/).flatMap((piece, place) => (place ? [el("wbr"), piece] : [piece]));

export const dealLink = (key) => el("a", { href: `#deal/${path(key)}` }, breaking(key));

/** A deal's name as a link to it. */
export const dealColumn = (name = "deal", title = name) =>
  ({ name, title, kind: "key", show: (row) => (row[name] && row[name] !== "all" ? dealLink(row[name]) : row[name]) });

/** A group's value; that of deals is a link. */
export const groupColumn = (name) => (name === "deal" ? dealColumn() : plain(name, name, "group"));

const sense = (found) => (found.less ? "less" : "more");

/** A change in its colour: as the amount itself. */
export const change = (found) => el("span", { class: sense(found) }, found.text);

/** An amount; beside: the row that it is compared with, if any; ahead: it is what the amount has become;
 *  means: what it is, in a sentence. */
export function amount(name, { title = words(name), beside = null, ahead = false, said = "", means = null } = {}) {
  return {
    name, amount: true, title, means,
    show: (row) => {
      const value = row[name];
      if (value == null) return "–";
      const other = beside ? beside(row) : null;
      if (other === null || other[name] === null) return grouped(value);
      const then = other[name] ?? "0";
      const found = ahead ? difference(then, value) : difference(value, then);
      if (!found) return grouped(value);
      return [grouped(value), el("span", { class: `delta ${sense(found)}` }, `${found.text}${said}`)];
    },
  };
}

function cell(column, row) {
  const value = column.show(row);
  const zero = column.amount && isZero(row[column.name]);
  const isNil = value == null || value === "–";
  const kinds = [column.amount ? "amount" : column.kind, zero && "zero", isNil && "nil"].filter(Boolean).join(" ");
  return el("td", { class: kinds || null, "data-title": column.title ?? column.name }, value ?? "–");
}

function line(columns, row) {
  const classes = [row.open && "opens", row.kind].filter(Boolean).join(" ") || null;
  const node = el("tr", { class: classes, tabindex: row.open && "0" }, columns.map((column) => cell(column, row)));
  if (row.open) {
    node.addEventListener("click", (event) => event.target.closest("a, button") || row.open());
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== node) return;
      event.preventDefault(); // else the same key would press what gets the focus
      row.open();
    });
  }
  return node;
}

function heading(column, sort, again) {
  const kind = column.amount ? "amount" : null;
  const title = column.title ?? column.name;
  if (!column.compare) return el("th", { class: kind, scope: "col", title: column.means }, title);
  const mine = sort.name === column.name;
  const order = mine ? (sort.down ? "descending" : "ascending") : "none";
  const mark = mine ? (sort.down ? " ↓" : " ↑") : "";
  return el("th", { class: kind, scope: "col", "aria-sort": order },
    el("button", { type: "button", class: "sort", onclick: () => again(column) }, title + mark));
}

/** sort: {name, down} of the column by which rows are sorted, kept by the caller and changed here.
 *  stacks: on a narrow page every row is shown as a block, its cells below each other. */
export function table(columns, rows, options = {}) {
  const { totals = [], empty = "Nothing here.", label = null, sort = {}, stacks = false } = options;
  if (!rows.length) return el("p", { class: "none" }, empty);
  const chosen = columns.find((column) => column.compare && column.name === sort.name);
  const sorted = chosen ? [...rows].sort((a, b) => chosen.compare(a, b) * (sort.down ? -1 : 1)) : rows;
  const again = (column) => {
    sort.down = sort.name === column.name ? !sort.down : true;
    sort.name = column.name;
    const fresh = table(columns, rows, { ...options, sort });
    whole.replaceWith(fresh);
    fresh.querySelector(`th[aria-sort="${sort.down ? "descending" : "ascending"}"] button`)?.focus();
  };
  const kinds = [stacks && "stacks", columns.length > MANY && "dense"].filter(Boolean).join(" ");
  const whole = el("table", { "aria-label": label, class: kinds || null },
    el("thead", {}, el("tr", {}, columns.map((column) => heading(column, sort, again)))),
    el("tbody", {}, sorted.map((row) => line(columns, row))),
    totals.length ? el("tfoot", {}, totals.map((row) => line(columns, row))) : null);
  return whole;
}

/** A table that may be wider than the page. */
export const scroll = (...children) => el("div", { class: "scroll" }, children);

/** Deals that stay in their own currencies, and why; null where there are none. */
export function unrated(answer) {
  if (!answer.unrated?.length) return null;
  return [
    el("h3", {}, "stays in its own currency: no rate"),
    scroll(table(
      [dealColumn(), plain("currency"), plain("to"), plain("on", "on", "when"), plain("message")], answer.unrated)),
  ];
}

/** A button that asks for the next page of an answer and hands it on; null where there is none. */
export function more(answer, address, took, said = "Show more") {
  if (!answer.next) return null;
  const place = el("p", { class: "more" });
  const button = el("button", { type: "button", class: "act", onclick: async () => {
    button.disabled = true;
    try {
      took(await ask(`${address}&cursor=${encodeURIComponent(answer.next)}`));
    } catch (error) {
      place.replaceChildren(problem(error, () => place.replaceChildren(button)));
      button.disabled = false;
    }
  } }, said);
  place.append(button);
  return place;
}
