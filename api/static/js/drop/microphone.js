// A recording from the microphone, with its level while it runs.

import { clock } from "../time.js";
import { colour } from "../theme.js";

const FORMATS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const BAR_PX = 3;
const GAP_PX = 2;
const BAR_MS = 60;

/** Records until stopped. `start` rejects when the microphone can't be used. */
export class Microphone {
  #stream = null;
  #recorder = null;
  #context = null;
  #frame = 0;
  #levels = [];

  constructor(canvas, time) {
    this.canvas = canvas;
    this.time = time;
  }

  async start() {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const mimeType = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
    this.#recorder = new MediaRecorder(this.#stream, { mimeType, audioBitsPerSecond: 64_000 });
    this.#recorder.start();
    this.#levels = [];
    this.#meter();
  }

  /** Stop, and return the recording as a file; null when it was discarded. */
  stop({ discard = false, name = "microphone" } = {}) {
    cancelAnimationFrame(this.#frame);
    return new Promise((resolve) => {
      this.#recorder.addEventListener("dataavailable", ({ data }) => {
        this.#stream.getTracks().forEach((track) => track.stop());
        this.#context.close();
        const ending = data.type.includes("mp4") ? "m4a" : data.type.includes("ogg") ? "ogg" : "webm";
        resolve(discard ? null : new File([data], `${name} ${stamp()}.${ending}`, { type: data.type }));
      }, { once: true });
      this.#recorder.stop();
    });
  }

  #meter() {
    this.#context = new AudioContext();
    const analyser = new AnalyserNode(this.#context, { fftSize: 1024 });
    this.#context.createMediaStreamSource(this.#stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const began = performance.now();
    const step = () => {
      this.#frame = requestAnimationFrame(step);
      const elapsedMs = performance.now() - began;
      if (elapsedMs < this.#levels.length * BAR_MS) return;
      analyser.getFloatTimeDomainData(samples);
      this.#levels.push(samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0));
      this.time.textContent = clock(elapsedMs);
      this.#draw();
    };
    step();
  }

  #draw() {
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = colour("accent");
    const bars = Math.floor(width / (BAR_PX + GAP_PX));
    const shown = this.#levels.slice(-bars);
    shown.forEach((level, index) => {
      const tall = Math.max(2, Math.sqrt(level) * height);
      pen.beginPath();
      pen.roundRect(width - (shown.length - index) * (BAR_PX + GAP_PX), (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
      pen.fill();
    });
  }
}

function stamp() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
}
