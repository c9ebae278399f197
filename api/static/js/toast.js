// A word at the foot of the page that goes by itself.

import { el } from "./dom.js";
import { t } from "./words.js";

const STAYS_MS = 6000;

/** Say something; `tone` is "bad" for what went wrong, `action` is {text, run}. */
export function toast(text, { tone = "", action = null } = {}) {
  const made = el("div", { class: "toast", dataset: { tone } }, el("span", {}, text));
  if (action) made.append(el("button", { type: "button", onclick: () => (action.run(), made.remove()) }, action.text));
  document.getElementById("toasts").append(made);
  let timer = setTimeout(() => made.remove(), STAYS_MS);
  made.addEventListener("pointerenter", () => clearTimeout(timer));
  made.addEventListener("pointerleave", () => (timer = setTimeout(() => made.remove(), STAYS_MS)));
}

/** Say what went wrong, in the server's words where it gave any. */
export function complain(error) {
  toast(error?.problem ? `${error.problem.detail}. ${error.problem.advice}` : t("error.unreachable"), { tone: "bad" });
}
