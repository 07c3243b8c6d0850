// Forms and the address: what a section is asked is kept behind the #, so that it can be sent, and gone back to.

import { query } from "./ask.js";

/** The values of a form by name, blanks around them taken off. */
export const fields = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));

const hasOption = (select, value) => [...select.options].some((one) => one.value === value);

function setField(control, given) {
  const value = given[control.name];
  if (control.type === "radio") control.checked = value === undefined ? control.defaultChecked : control.value === value;
  else if (control.type === "checkbox") control.checked = value !== undefined;
  else if (control.tagName !== "SELECT") control.value = value ?? "";
  else {
    if (value !== undefined && !hasOption(control, value)) control.append(new Option(value, value));
    if (value !== undefined || hasOption(control, "")) control.value = value ?? "";
  }
}

/** Fill in a form from parameters of the address: what they leave out is empty. Without any, it stays as it is. */
export function setFields(form, given) {
  if (!Object.keys(given).length) return;
  form.reset();
  for (const control of form.elements) if (control.name) setField(control, given);
}

/** Go to a place of the page; to the one that is shown already, anew. */
export function go(hash) {
  if (location.hash === hash) window.dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = hash;
}

/** Sending a form leads to its section with what it holds. */
export function onSubmit(form, section) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(`#${section}?${query(fields(form))}`);
  });
}
