// Numbers and times as people read them. A thin space that does not break stands before units.
const THIN = "\u202f";
const MINUS = "\u2212";

export const label = (name) => name.replaceAll("_", " ");
export const percent = (share) => `${Math.round(100 * share)}${THIN}%`;
export const unit = (value, name) => `${value}${THIN}${name}`;

export function signed(value, digits = 0) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

export function decibels(value, silence) {
  return value <= silence ? `${MINUS}∞` : signed(value);
}

export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return unit(s, "s");
  const minutes = Math.floor(s / 60) % 60;
  if (s < 600) return `${unit(minutes, "min")} ${unit(s % 60, "s")}`;
  if (s < 3600) return unit(minutes, "min");
  const hours = Math.floor(s / 3600);
  if (hours < 48) return `${unit(hours, "h")} ${unit(minutes, "min")}`;
  return `${unit(Math.floor(hours / 24), "days")} ${unit(hours % 24, "h")}`;
}

// Times of day are those of the machine that listens, wherever the browser is.
export function clock(time_s, offset_s, seconds = true) {
  return new Date(1000 * (time_s + offset_s)).toISOString().slice(11, seconds ? 19 : 16);
}

export function hertz(value) {
  return value < 1000 ? String(value) : `${value / 1000}k`;
}
