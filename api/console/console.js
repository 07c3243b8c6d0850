// The frame: sections by the address behind the #, and how the ledger stands.
// #bridge?at=2026-01-31, #deal/<key>, #deal?key=<key>, #milestone/<position> lead straight there.

import { $, ask, startFiles } from "./ask.js";
import { openBridge, startBridge } from "./bridge.js";
import { openDeal, startDeal } from "./deal.js";
import { closeDrawer, milestone, startDrawer } from "./drawer.js";
import { openExceptions, startExceptions } from "./exceptions.js";
import { openLatency, startLatency } from "./latency.js";
import { openFeed, startLog } from "./log.js";
import { openQuarantine, startQuarantine } from "./quarantine.js";
import { openReports, startReports } from "./reports.js";

const SECTIONS = {
  reports: openReports, bridge: openBridge, exceptions: openExceptions, latency: openLatency, deal: openDeal,
  feed: openFeed, quarantine: openQuarantine,
};

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that somebody typed
  }
}

/** The section, what follows its name, and the parameters of an address. */
function read(hash) {
  const [place, ...asked] = hash.slice(1).split("?");
  const [name, ...rest] = place.split("/");
  const given = Object.fromEntries(new URLSearchParams(asked.join("?")));
  return { name, rest: decoded(rest.join("/")), given };
}

function route() {
  const { name, rest, given } = read(location.hash);
  closeDrawer();
  const shown = name in SECTIONS ? name : "reports";
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== shown;
  for (const link of document.querySelectorAll("#tabs a")) {
    const isMine = link.dataset.section === shown;
    link.toggleAttribute("aria-current", isMine);
    if (isMine) {
      link.setAttribute("aria-current", "page");
      if (name === shown) link.href = location.hash; // coming back shows the same again
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
  SECTIONS[shown](given, rest);
  if (name === "milestone") milestone(Number(rest));
}

async function standing() {
  const place = $("#standing");
  try {
    const now = await ask("/v1/status");
    const { projection, self_check: check } = now;
    const laws = !check || check.hold === null ? null : check.hold ? "laws hold" : "a law of the books is broken";
    place.textContent = [`${now.log.position} milestones`,
      projection.behind ? `reports ${projection.behind} behind` : "reports up to date",
      `${now.quarantine.open} in quarantine`, laws].filter(Boolean).join(" · ");
    place.classList.toggle("wrong", check?.hold === false);
  } catch (error) {
    place.textContent = error.message;
  }
}

for (const start of [startFiles, startDrawer, startReports, startBridge, startExceptions, startLatency, startDeal,
  startLog, startQuarantine]) start();
if (matchMedia("(max-width: 44rem)").matches)
  for (const fold of document.querySelectorAll("details.fold")) fold.open = false;
window.addEventListener("hashchange", route);
route();
standing();
setInterval(standing, 10_000);
