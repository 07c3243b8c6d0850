// Amounts and times for people. Amounts are decimal strings and exact integers: no float may touch one.

const decimalsOf = (text) => (text.split(".")[1] ?? "").length;

/** A decimal string in units of its `decimals`-th decimal. */
function units(text, decimals) {
  const [whole, fraction = ""] = text.replace("-", "").split(".");
  const size = BigInt(whole + fraction.padEnd(decimals, "0"));
  return text.startsWith("-") ? -size : size;
}

export const minor = (text) => units(text, decimalsOf(text));

export const isZero = (text) => text != null && !/[1-9]/.test(text);

/** Digits in groups of three, with a true minus sign. */
export function grouped(text) {
  if (!/^-?[0-9]+(\.[0-9]+)?$/.test(text)) return text;
  const [whole, fraction] = text.replace("-", "").split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  return `${text.startsWith("-") ? "−" : ""}${spaced}${fraction === undefined ? "" : `.${fraction}`}`;
}

function written(size, decimals) {
  const digits = (size < 0n ? -size : size).toString().padStart(decimals + 1, "0");
  const text = decimals ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits;
  return `${size < 0n ? "-" : ""}${text}`;
}

/** No amount, with the decimals of another. */
export const zeroLike = (text) => written(0n, decimalsOf(text));

/** now less then, with its sign; null where there is none. */
export function difference(now, then) {
  const decimals = Math.max(decimalsOf(now), decimalsOf(then));
  const delta = units(now, decimals) - units(then, decimals);
  return delta === 0n ? null : signed(written(delta, decimals));
}

/** An amount with its sign before it, and whether it is less. */
export function signed(text) {
  const less = text.startsWith("-");
  return { less, text: less || isZero(text) ? grouped(text) : `+${grouped(text)}` };
}

/** Of two amounts the greater last; none before any. */
export function compareAmounts(one, other) {
  if (one == null || other == null) return (one == null ? 0 : 1) - (other == null ? 0 : 1);
  const decimals = Math.max(decimalsOf(one), decimalsOf(other));
  const delta = units(one, decimals) - units(other, decimals);
  return delta < 0n ? -1 : delta > 0n ? 1 : 0;
}

export const moment = (text) => text && text.slice(0, 19).replace("T", " ");

/** Seconds in words: days and hours, below a day hours and minutes. */
export function duration(seconds) {
  if (seconds == null) return null;
  const whole = Math.trunc(Number(seconds));
  const parts = [whole / 86400, (whole % 86400) / 3600, (whole % 3600) / 60];
  const [days, hours, minutes] = parts.map(Math.trunc);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** A name of the interface in words. */
export const words = (name) =>
  name.replace(/_(\d+)_(\d+)$/, " $1–$2").replaceAll("_", " ").replace("in crm", "in CRM");
