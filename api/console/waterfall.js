// A waterfall: from a figure to the next by what is taken away between them. Drawn; the figures stand beside it
// in a table, which is what screen readers read.

import { el, svg } from "./ask.js";
import { grouped, minor, words } from "./money.js";

const NARROW = 560;
const PARTS = 1_000_000n;

/** items: [{label, value, isFigure}], a part's value being what is taken away. Levels in minor units. */
function levels(items) {
  let level = 0n;
  return items.map((item) => {
    const value = minor(item.value);
    const from = item.isFigure ? 0n : level;
    level = item.isFigure ? value : level - value;
    return { ...item, from, to: level };
  });
}

function shape(width) {
  const isNarrow = width < NARROW;
  return isNarrow
    ? { isNarrow, row: 40, bar: 12, top: 20, left: 4, right: 4 }
    : { isNarrow, row: 27, bar: 17, top: 4, left: 178, right: 132 };
}

function draw(place, title, items, chosen) {
  const width = Math.max(280, Math.floor(place.clientWidth));
  const form = shape(width);
  const found = levels(items);
  const ends = [0n, ...found.flatMap((one) => [one.from, one.to])];
  const least = ends.reduce((a, b) => (b < a ? b : a));
  const span = ends.reduce((a, b) => (b > a ? b : a)) - least || 1n;
  const room = width - form.left - form.right;
  // pixels, not amounts: from exact parts of a million
  const x = (level) => form.left + (Number(((level - least) * PARTS) / span) / Number(PARTS)) * room;
  const height = found.length * form.row + 6;
  const rows = found.map((one, place_) => bar(one, place_, x, width, form, chosen));
  const zero = svg("line", { class: "zero", x1: x(0n), x2: x(0n), y1: 0, y2: height });
  place.replaceChildren(svg("svg", {
    class: "waterfall", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": title,
  }, zero, rows));
}

function bar(one, place, x, width, form, chosen) {
  const y = place * form.row + 3;
  const [left, right] = one.from < one.to ? [x(one.from), x(one.to)] : [x(one.to), x(one.from)];
  const kind = one.isFigure ? "figure" : one.value.startsWith("-") ? "more" : "less";
  const middle = form.isNarrow ? y + 13 : y + form.top + form.bar / 2 + 4;
  const taken = one.isFigure ? one.value : one.value.startsWith("-") ? one.value.slice(1) : `-${one.value}`;
  const text = one.isFigure || taken.startsWith("-") ? grouped(taken) : `+${grouped(taken)}`;
  const group = svg("g", { class: `bar ${kind}${one.open ? " opens" : ""}${one.name === chosen ? " chosen" : ""}` },
    svg("title", {}, `${one.label}: ${text}`),
    svg("rect", { class: "ground", x: 0, y, width, height: form.row }),
    form.isNarrow ? svg("text", { x: form.left, y: middle }, one.label)
      : svg("text", { x: form.left - 10, y: middle, "text-anchor": "end" }, one.label),
    svg("rect", {
      class: "mark", x: left, y: y + form.top, width: Math.max(1.5, right - left), height: form.bar, rx: 2,
    }),
    svg("text", { class: "amount", x: width - 4, y: middle, "text-anchor": "end" }, text));
  if (one.open) group.addEventListener("click", one.open);
  return group;
}

/** A place in which the waterfall is drawn, and drawn anew when its width changes. */
export function waterfall(title, items, chosen = null) {
  const place = el("div", { class: "drawing" });
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === width || !place.clientWidth) return;
    width = place.clientWidth;
    draw(place, title, items, chosen);
  }).observe(place);
  return place;
}

const FIGURES = ["won", "ordered", "invoiced", "gross", "cash"];
const STEPS = ["won_ordered", "ordered_invoiced", "invoiced_gross", "gross_cash"];

/** Figures and the rows between them, in order; choose: what to do with a step and reason. */
export function items(figures, rows, choose = null) {
  return FIGURES.flatMap((figure, place) => [
    { label: figure, name: figure, value: figures[figure], isFigure: true },
    ...rows.filter((row) => row.step === STEPS[place]).map((row) => ({
      label: words(row.reason), name: `${row.step}/${row.reason}`, value: row.amount, isFigure: false,
      open: choose && (() => choose(row)),
    })),
  ]);
}
