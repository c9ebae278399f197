// Times as people read them.

import { language } from "./words.js";

/** Milliseconds as `m:ss`, or `h:mm:ss` from an hour on. */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const sameYear = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const otherYear = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
const whole = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });

/** A moment in the reader's own time zone. */
export function moment(date) {
  return (date.getFullYear() === new Date().getFullYear() ? sameYear : otherYear).format(date);
}

/** Put the moments that the server wrote in UTC into the reader's time zone, and its days into the reader's language. */
export function localise(root = document) {
  for (const time of root.querySelectorAll("time[data-moment]:not([data-localised])")) {
    const date = new Date(time.dateTime);
    time.textContent = moment(date);
    time.title = whole.format(date);
    time.dataset.localised = "";
  }
  for (const time of root.querySelectorAll("time[data-day]")) time.textContent = day.format(new Date(time.dateTime));
}
