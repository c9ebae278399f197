// The tray at the foot of the page: one line an upload, kept in place while it changes.

import { el, icon } from "../dom.js";
import { t } from "../words.js";
import { hasEnded } from "./uploads.js";

const FOLDED = "callscope.tray.folded";

/** Show the uploads for as long as there are any. */
export function showTray(uploads) {
  const tray = document.getElementById("tray");
  const list = document.getElementById("tray-list");
  const fold = document.getElementById("tray-fold");
  const clear = document.getElementById("tray-clear");
  const lines = new Map();

  const setFolded = (isFolded) => {
    list.hidden = isFolded;
    fold.setAttribute("aria-expanded", String(!isFolded));
    sessionStorage.setItem(FOLDED, isFolded ? "1" : "");
  };
  setFolded(Boolean(sessionStorage.getItem(FOLDED)));
  fold.addEventListener("click", () => setFolded(!list.hidden));
  clear.addEventListener("click", () => uploads.clearEnded());

  const draw = () => {
    tray.hidden = uploads.list.length === 0;
    clear.hidden = !uploads.list.some(hasEnded);
    for (const [upload, line] of lines)
      if (!uploads.list.includes(upload)) {
        line.element.remove();
        lines.delete(upload);
      }
    for (const upload of [...uploads.list].reverse()) {
      if (!lines.has(upload)) {
        const line = new Line(upload, uploads);
        lines.set(upload, line);
        list.prepend(line.element);
      }
      lines.get(upload).draw();
    }
  };
  uploads.addEventListener("change", draw);
  draw();
}

class Line {
  #upload;
  #uploads;
  #drawn = "";

  constructor(upload, uploads) {
    this.#upload = upload;
    this.#uploads = uploads;
    this.mark = el("span", { class: "tray-mark" });
    this.says = el("span", { class: "tray-says numbers" });
    this.does = el("span", { class: "tray-does" });
    this.bar = el("progress", { max: 1, "aria-hidden": true });
    this.element = el("li", { class: "tray-item" }, this.mark, el("span", { class: "tray-name", title: upload.name }, upload.name), this.does, this.says, this.bar);
  }

  draw() {
    const upload = this.#upload;
    this.says.textContent = said(upload);
    this.bar.hidden = hasEnded(upload);
    const share = progressOf(upload);
    if (this.bar.value !== share) this.bar.value = share;
    const shape = `${upload.stage} ${upload.callUrl}`;
    if (shape === this.#drawn) return;
    this.#drawn = shape;
    this.element.dataset.stage = upload.stage;
    this.element.dataset.end = !hasEnded(upload) ? "" : { done: "done", dead: "bad", refused: "bad" }[upload.stage] ?? "none";
    this.mark.replaceChildren(hasEnded(upload) ? icon({ done: "check", dead: "warning", refused: "warning" }[upload.stage] ?? "minus") : el("span", { class: "spinner" }));
    this.does.replaceChildren(...this.#actions());
  }

  #actions() {
    const upload = this.#upload;
    const actions = [];
    if (upload.callUrl && upload.stage === "done")
      actions.push(el("a", { class: "button small", href: upload.callUrl }, t("tray.open")));
    if (upload.stage === "refused" && this.#uploads.canRetry(upload))
      actions.push(el("button", { class: "button small", type: "button", onclick: () => this.#uploads.retry(upload) }, t("tray.retry")));
    if (hasEnded(upload))
      actions.push(
        el("button", { class: "button quiet square small", type: "button", "aria-label": `${t("tray.dismiss")}: ${upload.name}`, title: t("tray.dismiss"), onclick: () => this.#uploads.remove(upload) }, icon("close")),
      );
    return actions;
  }
}

// Sending is the first third of the bar; what follows has no measure, so each stage is a step.
function progressOf(upload) {
  return { waiting: 0, sending: upload.share / 3, queued: 0.4, fetching: 0.5, analysing: 0.75 }[upload.stage] ?? 1;
}

function said(upload) {
  if (upload.isLost) return t("tray.lost");
  switch (upload.stage) {
    case "waiting":
      return t("tray.waiting");
    case "sending":
      return t("tray.sending", { percent: Math.floor(upload.share * 100) });
    case "queued":
      return upload.place > 1 ? t("tray.queued-at", { place: upload.place }) : t("tray.queued");
    case "done":
      return t("tray.done", { seconds: (upload.elapsedMs / 1000).toFixed(1) });
    case "dead":
    case "refused":
      return [t(`tray.${upload.stage}`), reason(upload)].filter(Boolean).join(": ");
    default:
      return t(`tray.${upload.stage}`);
  }
}

/** What went wrong, in the page's language where it has words for it. */
function reason(upload) {
  if (upload.code === "unreachable") return t("error.unreachable");
  if (upload.code && hasWords(`code.${upload.code}`)) return `${t(`code.${upload.code}`)}. ${t(`advice.${upload.code}`)}`;
  return [upload.detail, upload.advice].filter(Boolean).join(". ");
}

function hasWords(key) {
  try {
    return Boolean(t(key));
  } catch {
    return false;
  }
}
