// Latency: how long each stage of the workflow takes, and what has waited longest.

import { $, ask, el, into, query } from "./ask.js";
import { fields, onSubmit, setFields } from "./forms.js";
import { duration, moment, words } from "./money.js";
import { dealColumn, scroll, table } from "./tables.js";

const form = $("#ended");

const took = (name, title = name) => ({ name, title, amount: true, show: (row) => duration(row[name]) ?? "–" });
const count = (name) => ({ name, amount: true, show: (row) => String(row[name] ?? "–") });

async function stages() {
  const given = fields(form);
  const asked = { from: given.from, to: given.to };
  if (given.known_position) asked.known_position = given.known_position;
  const address = `/v1/reports/latency?${query(asked)}`;
  $("#latency-csv").href = `${address}${address.endsWith("?") ? "" : "&"}format=csv`;
  const answer = await ask(address);
  const columns = [
    { name: "stage", kind: "step", show: (row) => words(row.stage) },
    count("count"), took("p50"), took("p90"), took("p99"), count("waiting"),
    took("oldest_waiting", "oldest waits"),
    { name: "oldest_since", title: "since", kind: "when", show: (row) => moment(row.oldest_since) },
    dealColumn("oldest_deal", "its deal"),
  ];
  return [
    scroll(table(columns, answer.rows,
      { label: "latency by stage", stacks: true, empty: "No stage was completed in this span." })),
    el("p", { class: "note" }, `${answer.from ? `From ${answer.from} to` : "Up to"} ${answer.to}, as known at position`
      + ` ${answer.known.position}. p50, p90, p99: half, nine tenths and ninety-nine hundredths took no longer.`),
  ];
}

export function startLatency() {
  onSubmit(form, "latency");
}

export function openLatency(given) {
  setFields(form, given);
  return into($("#stages"), stages);
}
