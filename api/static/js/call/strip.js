// The whole call as a strip under the slider: what each party felt, whatever the stage shows.

import { colour, emotionColour, onTheme } from "../theme.js";
import { QUIET } from "./feelings.js";

/** Draw the strip, again whenever its size or the theme changes. */
export function showStrip(canvas, call) {
  const draw = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const lanes = Math.max(1, call.lanes.length);
    const tall = (height - (lanes - 1) * 2) / lanes;
    for (let lane = 0; lane < lanes; lane += 1) {
      context.fillStyle = colour("line");
      context.beginPath();
      context.roundRect(0, lane * (tall + 2), width, tall, tall / 2);
      context.fill();
    }
    const byWeight = [...call.segments].sort((one, other) => weight(one) - weight(other));
    for (const { from, until, lane, emotion, probability } of byWeight) {
      const x = (from / call.duration_ms) * width;
      context.globalAlpha = QUIET.has(emotion) ? 0.45 : 0.3 + 0.7 * probability;
      context.fillStyle = emotionColour(emotion);
      context.fillRect(x, lane * (tall + 2), Math.max(1.5, (until / call.duration_ms) * width - x), tall);
    }
  };
  new ResizeObserver(draw).observe(canvas);
  onTheme(draw);
}

function weight({ emotion }) {
  return emotion === "ANGRY" ? 2 : QUIET.has(emotion) ? 0 : 1;
}
