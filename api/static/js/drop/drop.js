// Recordings come by drag and drop anywhere on a page, by the dialog's file chooser, or from the microphone.

import { toast } from "../toast.js";
import { t } from "../words.js";
import { Microphone } from "./microphone.js";
import { showTray } from "./tray.js";
import { hasEnded, Uploads } from "./uploads.js";

const LANGUAGE = "callscope.drop.language";

const dialog = document.getElementById("drop-dialog");
const overlay = document.getElementById("drop-overlay");
const language = document.getElementById("drop-language");
const uploads = new Uploads();

showTray(uploads);
language.value = localStorage.getItem(LANGUAGE) ?? "auto";
language.addEventListener("change", () => localStorage.setItem(LANGUAGE, language.value));

// Whoever hands over a single recording waits for its page; nobody is led away from other work.
let awaited = null;

function take(files) {
  if (!files.length) return;
  dialog.close();
  const isFirst = uploads.list.every(hasEnded);
  const taken = [...files].map((file) => uploads.add(file, language.value));
  awaited = isFirst && taken.length === 1 ? taken[0] : null;
}

uploads.addEventListener("end", ({ detail: upload }) => {
  if (upload === awaited && upload.stage === "done" && !document.querySelector("dialog[open]")) location.assign(upload.callUrl);
});

for (const button of document.querySelectorAll("[data-drop-open]")) button.addEventListener("click", () => dialog.showModal());

const chooser = document.getElementById("drop-files");
chooser.addEventListener("change", () => {
  take(chooser.files);
  chooser.value = "";
});

// --- anywhere on the page ---

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
let depth = 0;
addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth += 1;
  overlay.hidden = false;
});
addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
addEventListener("dragleave", (event) => {
  if (!carriesFiles(event)) return;
  depth = Math.max(0, depth - 1);
  overlay.hidden = depth === 0;
});
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  overlay.hidden = true;
  take(event.dataTransfer.files);
});

// --- from the microphone ---

const zone = document.getElementById("drop-zone");
const panel = document.getElementById("drop-mic");
const microphone = new Microphone(document.getElementById("drop-mic-level"), document.getElementById("drop-mic-time"));
let records = false;

function show(isRecording) {
  records = isRecording;
  zone.hidden = isRecording;
  panel.hidden = !isRecording;
}

document.getElementById("drop-record").addEventListener("click", async () => {
  try {
    if (!navigator.mediaDevices) throw new Error(t("drop.insecure"));
    show(true);
    await microphone.start();
    document.getElementById("drop-mic-stop").focus();
  } catch (error) {
    show(false);
    toast(t("drop.no-microphone", { why: error.message }), { tone: "bad" });
  }
});
document.getElementById("drop-mic-stop").addEventListener("click", async () => {
  const file = await microphone.stop({ name: t("drop.microphone-name") });
  show(false);
  take([file]);
});
document.getElementById("drop-mic-discard").addEventListener("click", discard);
dialog.addEventListener("close", discard);

async function discard() {
  if (!records) return;
  show(false);
  await microphone.stop({ discard: true });
}
