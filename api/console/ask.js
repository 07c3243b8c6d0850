// Asking the ledger, and building what is shown. Everything from outside goes in as text, never as markup.

export const $ = (selector, within = document) => within.querySelector(selector);

const SVG = "http://www.w3.org/2000/svg";

function furnish(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

export const el = (name, attributes = {}, ...children) => furnish(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  furnish(document.createElementNS(SVG, name), attributes, children);

export function show(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
}

/** What the ledger refused or could not answer; allowed: what could stand there; again: worth asking again. */
export class Problem extends Error {
  constructor(message, { status = 0, allowed = [], again = false } = {}) {
    super(message);
    Object.assign(this, { status, allowed, again });
  }
}

let waiting = null;

function askForToken() {
  waiting ??= new Promise((resolve) => {
    const dialog = $("#token");
    dialog.addEventListener("close", () => {
      sessionStorage.setItem("cairn-token", $("input", dialog).value);
      waiting = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return waiting;
}

async function read(answer) {
  try {
    return await answer.json();
  } catch {
    throw new Problem(`The ledger answered ${answer.status} without saying why.`, { status: answer.status, again: true });
  }
}

/** The JSON of an answer; with `body`, that is posted. Throws Problem. */
export async function ask(path, { body, ...options } = {}) {
  const token = sessionStorage.getItem("cairn-token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Problem("The ledger can't be reached: is the server running?", { again: true });
  }
  const told = await read(answer);
  if (answer.status === 401) {
    if (!String(told.detail).includes("Bearer")) throw new Problem(told.detail, { status: 401 });
    await askForToken();
    return ask(path, { body, ...options });
  }
  if (!answer.ok) {
    const { status } = answer;
    throw new Problem([told.title, told.detail].filter(Boolean).join(": "),
      { status, allowed: told.allowed ?? [], again: status >= 500 });
  }
  return told;
}

/** A problem in the place of what was asked for, with what to do about it. */
export function problem(error, again) {
  return el("div", { class: "wrong", role: "alert" },
    el("p", {}, error.message),
    error.allowed?.length ? el("p", { class: "note" }, `Possible here: ${error.allowed.join(", ")}.`) : null,
    error.again && again ? el("button", { type: "button", class: "act", onclick: again }, "Ask again") : null);
}

const latest = new WeakMap();

/** Show in a place what `work` comes to, or its problem. Of two that overlap, the later counts. */
export async function into(place, work) {
  const mine = {};
  latest.set(place, mine);
  place.setAttribute("aria-busy", "true");
  let found;
  try {
    found = await work();
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    found = [problem(error, () => into(place, work))];
  }
  if (latest.get(place) !== mine) return;
  place.removeAttribute("aria-busy");
  show(place, found);
}

/** Files are fetched with the token, which a link alone would not send. */
export function startFiles() {
  for (const link of document.querySelectorAll("a.file")) link.addEventListener("click", (event) => {
    const token = sessionStorage.getItem("cairn-token");
    if (!token) return;
    event.preventDefault();
    fetched(link.href, token).then((file) => el("a", { href: file, download: link.download || "report.csv" }).click(),
      (error) => link.after(problem(error)));
  });
}

async function fetched(address, token) {
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Problem(`The file can't be had: ${answer.status}.`);
  return URL.createObjectURL(await answer.blob());
}

export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return new URLSearchParams(given).toString();
}

/** A deal's key as part of a path: slashes and colons stay as they are. */
export const path = (key) => encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%3A", ":");

let published = null;

async function operation(route) {
  published ??= ask("/openapi.json");
  try {
    return (await published).paths[route].get;
  } catch (error) {
    published = null; // to be asked again
    throw error;
  }
}

/** What the measures of a view are and mean, by name, as the ledger publishes it; nothing where it can't say. */
export async function meanings(view) {
  try {
    return (await operation("/v1/reports/{view}"))["x-measures"][view] ?? {};
  } catch {
    return {};
  }
}

/** What a parameter of a route may hold, as the ledger publishes it. */
export async function choices(route, name) {
  const { parameters } = await operation(route);
  const { schema } = parameters.find((one) => one.name === name);
  return schema.enum ?? schema.items?.enum ?? [];
}
