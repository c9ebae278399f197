// The curve alone, in a frame of another page; a press opens the call there.

import { ask } from "../http.js";
import { readCall } from "./feelings.js";
import { showPeaks, Stage } from "./stage.js";

const call = readCall();
const stage = new Stage(call, document.getElementById("stage"));
const open = document.querySelector(".embed-open");
const { token } = document.querySelector("main").dataset;

stage.addEventListener("seek", ({ detail }) => {
  open.href = `/calls/${call.id}?t=${(detail / 1000).toFixed(1)}`;
});
showPeaks(stage, await ask(`/embed/${call.id}/waveform?token=${encodeURIComponent(token)}`));
document.documentElement.dataset.ready = document.documentElement.lang;
