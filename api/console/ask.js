// Asking the ledger, and building what is shown. Everything from outside goes in as text, never as markup.
"use strict";

const $ = (selector) => document.querySelector(selector);

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

function show(place, ...children) {
  place.replaceChildren(...children.flat());
}

class Problem extends Error {}

let asking = null;

function askForToken() {
  asking ??= new Promise((resolve) => {
    const dialog = $("#token");
    dialog.addEventListener("close", () => {
      sessionStorage.setItem("cairn-token", dialog.querySelector("input").value);
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

async function ask(path, options = {}) {
  const token = sessionStorage.getItem("cairn-token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { ...options, headers });
  if (answer.status === 401) {
    const told = await answer.json();
    if (!String(told.detail).includes("Bearer")) throw new Problem(told.detail);
    await askForToken();
    return ask(path, options);
  }
  const body = await answer.json();
  if (!answer.ok) throw new Problem([body.title, body.detail].filter(Boolean).join(": "));
  return body;
}

async function into(place, work) {
  try {
    await work();
  } catch (error) {
    show(place, el("p", { class: "wrong", role: "alert" }, error.message));
  }
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return new URLSearchParams(given).toString();
}

const moment = (text) => text && text.slice(0, 19).replace("T", " ");

const isZero = (text) => text != null && !/[1-9]/.test(text);

// Decimal strings as exact integers of their last decimal: no float may touch an amount.
function difference(now, then) {
  const decimals = (now.split(".")[1] ?? "").length;
  const minor = (text) => BigInt((text ?? "0").replace(".", "")) * (decimals && !text?.includes(".") ? 10n ** BigInt(decimals) : 1n);
  const delta = minor(now) - minor(then);
  if (delta === 0n) return null;
  const digits = (delta < 0n ? -delta : delta).toString().padStart(decimals + 1, "0");
  const text = decimals ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits;
  return { less: delta < 0n, text: `${delta < 0n ? "−" : "+"}${grouped(text)}` };
}

function grouped(text) {
  const [whole, fraction] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, " ");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}
