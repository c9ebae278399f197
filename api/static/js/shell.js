// What every page does: theme, menus, local times, errors of htmx, recordings dropped on it.

import { language } from "./words.js";
import { choose, onTheme } from "./theme.js";
import { complain, toast } from "./toast.js";
import { localise } from "./time.js";

localise();
document.addEventListener("htmx:after:swap", () => localise());
document.addEventListener("htmx:error", () => complain(null));

// --- menus close by Escape, by a click elsewhere, and when another opens ---

function closeMenus(except = null) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}
document.addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu") ?? null));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});

// --- theme ---

const theme = () => document.documentElement.dataset.theme ?? "auto";
function markTheme() {
  for (const button of document.querySelectorAll("[data-choose-theme]"))
    button.setAttribute("aria-pressed", String(button.dataset.chooseTheme === theme()));
}
for (const button of document.querySelectorAll("[data-choose-theme]"))
  button.addEventListener("click", () => (choose(button.dataset.chooseTheme), closeMenus()));
onTheme(markTheme);
markTheme();

// --- dialogs: [data-opens="id"] shows one, [data-closes] and its backdrop hide it ---

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  if (event.target.closest?.("[data-closes]")) event.target.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});

// --- what the server says beside an answer to htmx: HX-Trigger: {"callscope:toast": {"text": …}} ---

document.addEventListener("callscope:toast", ({ detail }) => toast(detail.text, { tone: detail.tone ?? "" }));

if (document.getElementById("tray")) await import("./drop/drop.js");
document.documentElement.dataset.ready = language;
