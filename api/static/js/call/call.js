// The call page: player, stage and transcript, each told of the others.

import { ask } from "../http.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { Correction } from "./correct.js";
import { readCall } from "./feelings.js";
import { Player } from "./player.js";
import { Search } from "./search.js";
import { offerLink } from "./share.js";
import { showPeaks, Stage } from "./stage.js";
import { showStrip } from "./strip.js";
import { Transcript } from "./transcript.js";

const STEP_MS = 5000;
const LEAD_MS = 150;

const page = document.getElementById("call");
const call = readCall();
const player = new Player(document.getElementById("audio"), call.duration_ms);
const stage = new Stage(call, document.getElementById("stage"));
const lines = document.getElementById("lines");
const transcript = new Transcript(call, lines, document.getElementById("follow"));
const search = new Search(document.getElementById("search"), lines.querySelectorAll(".said"));
const slider = document.getElementById("seek");
const play = document.getElementById("play");
const now = document.getElementById("now");
const correctDialog = document.getElementById("correct-dialog");
const correction = correctDialog && new Correction(call, correctDialog, player);

showStrip(document.getElementById("strip"), call);
if (document.getElementById("embed-dialog")) offerLink(document.getElementById("embed-dialog"), call.id);

// --- one present for all ---

function showTime(ms) {
  stage.setTime(ms, player.isPlaying);
  transcript.setTime(ms, player.isPlaying);
  slider.value = ms;
  slider.setAttribute("aria-valuetext", t("player.at", { now: clock(ms), all: clock(call.duration_ms) }));
  slider.style.setProperty("--played", `${(ms / call.duration_ms) * 100}%`);
  now.textContent = clock(ms);
}

/** Go somewhere, and show the line that is said there. */
function go(ms, { plays = player.isPlaying } = {}) {
  player.seek(ms);
  const segment = call.segments[transcript.at(ms)];
  const line = segment && transcript.line(segment.number);
  // A page that scrolls as a whole stays where the reader is.
  if (line && transcript.hasOwnScroll) transcript.show(line);
  if (plays) player.play();
}

player.addEventListener("time", ({ detail }) => showTime(detail));
player.addEventListener("state", ({ detail: isPlaying }) => {
  page.toggleAttribute("data-playing", isPlaying);
  play.setAttribute("aria-label", t(isPlaying ? "player.pause" : "player.play"));
});
player.addEventListener("missing", () => page.setAttribute("data-mute", ""));
stage.addEventListener("seek", ({ detail }) => go(detail));
transcript.addEventListener("seek", ({ detail }) => player.play(detail));
play.addEventListener("click", () => player.toggle());
slider.addEventListener("input", () => go(Number(slider.value)));
for (const button of page.querySelectorAll("[data-step]"))
  button.addEventListener("click", () => go(player.now + Number(button.dataset.step) * 1000));
document.getElementById("speed").addEventListener("change", ({ target }) => (player.speed = Number(target.value)));

// Whatever has a moment is heard there.
page.addEventListener("click", (event) => {
  const link = event.target.closest("[data-hear]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(Math.max(0, Number(link.dataset.hear) - LEAD_MS), { plays: true });
});

// --- anger ---

function anger(by) {
  const angry = call.segments.filter((one) => one.emotion === "ANGRY");
  if (!angry.length) return;
  const found = by > 0
    ? angry.find((one) => one.from > player.now + 2 * LEAD_MS) ?? angry[0]
    : angry.findLast((one) => one.from < player.now - 1500) ?? angry.at(-1);
  go(Math.max(0, found.from - LEAD_MS), { plays: true });
}
document.getElementById("next-anger")?.addEventListener("click", () => anger(1));

// --- lines ---

function step(by) {
  const at = transcript.at(player.now + 2 * LEAD_MS);
  const segment = call.segments[Math.min(call.segments.length - 1, Math.max(0, at + by))];
  if (segment) go(segment.from);
}

function correct(line) {
  const segment = call.segments.find((one) => one.number === Number(line.dataset.number));
  if (segment && correction) correction.open(line, segment);
}
lines.addEventListener("click", (event) => {
  if (event.target.closest(".said-edit")) correct(event.target.closest(".said"));
});
lines.addEventListener("corrected", () => stage.showLane(stage.lane));

// --- search ---

search.addEventListener("found", ({ detail: hits }) => {
  const starts = new Map(call.segments.map((one) => [one.number, one.from]));
  stage.setHits(hits.map((hit) => starts.get(Number(hit.line.dataset.number))));
});
search.addEventListener("go", ({ detail: hit }) => transcript.show(hit.line, { smooth: false }));

// --- keys ---

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: () => go(player.now - STEP_MS),
  ArrowRight: () => go(player.now + STEP_MS),
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
  n: () => anger(1),
  p: () => anger(-1),
  "/": () => search.focus(),
  e: () => {
    const segment = call.segments[transcript.at(player.now + LEAD_MS)];
    if (segment) correct(transcript.line(segment.number));
  },
  c: () => stage.showLane((stage.lane + 1) % call.lanes.length),
  "+": () => stage.zoomBy("in"),
  "=": () => stage.zoomBy("in"),
  "-": () => stage.zoomBy("out"),
  "0": () => stage.zoomBy("fit"),
  "?": () => document.getElementById("keys-dialog").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const { target } = event;
  if (target.matches("input:not([type=range]), textarea, select, [contenteditable]")) return;
  // A button or link that has the focus is pressed by space; the slider and the list move by their own arrows.
  if (event.key === " " && target.closest("button, a, summary")) return;
  const run = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!run) return;
  event.preventDefault();
  run();
});

// --- what comes after the page ---

if (call.at_ms) go(call.at_ms, { plays: false });
showTime(player.now);
// The page can be used once the lanes are there; the sound and the words' places are large, and nobody waits for them.
await Promise.allSettled([ask(`/v1/calls/${call.id}/waveform`).then((sound) => showPeaks(stage, sound))]);
page.dataset.ready = "";
performance.mark("usable");
player.load();
transcript.setWords(await ask(`/calls/${call.id}/words`));
