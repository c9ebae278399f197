// The call along one line of time: the emotion curve, a lane for each party, and what is marked between them.

import { el, icon } from "../dom.js";
import { colour, emotionColour, onTheme } from "../theme.js";
import { clock } from "../time.js";
import { t } from "../words.js";
import { points, QUIET, runs, shareOf, shownEmotions } from "./feelings.js";

const BAND_PX = 18;
const BAR_PX = 2;
const STEP_PX = 3;
const MARK_PX = 24;
const CURVE_STEP_PX = 5;
const SHORTEST_VIEW_MS = 3000;
const BREATH_MS = 1500;
const ZOOM = 1.6;
const EDGE = 3;
const TICKS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
const HATCHED = { SILENCE: 0.5, HOLD_MUSIC: 0.9, BGM: 0.5, CROSSTALK: 1 };
const ONLY_HATCHED = new Set(["GBG", "SPEECH_NOISE", "EVENT_UNK"]);

/** Draws a call, and says with `seek` where somebody pressed. */
export class Stage extends EventTarget {
  #call;
  #root;
  #plot;
  #canvas;
  #peaks = null;
  #icons = null;
  #size = { width: 0, height: 0 };
  #rows = {};
  #hits = [];
  #pending = false;
  #now = 0;

  constructor(call, root) {
    super();
    this.#call = call;
    this.#root = root;
    this.#plot = root.querySelector("#plot");
    this.#canvas = this.#plot.querySelector("canvas");
    this.head = this.#plot.querySelector(".plot-head");
    this.view = { from: 0, until: call.duration_ms };
    this.hidden = new Set();
    const customer = call.lanes.findIndex((lane) => lane.role === "customer");
    this.lane = customer >= 0 ? customer : 0;
    new ResizeObserver(() => this.redraw()).observe(this.#plot);
    onTheme(() => this.redraw());
    this.#listen();
    this.showLane(this.lane);
  }

  /** Show the sound: a Uint8Array of peaks for each channel, one a `hopMs`. */
  setPeaks(channels, hopMs) {
    this.#peaks = channels.length ? { channels, hopMs, top: channels.map((one) => Math.max(24, quantile(one, 0.998))) } : null;
    this.redraw();
  }

  /** Mark where a search found something, in ms. */
  setHits(hits) {
    this.#hits = hits;
    this.redraw();
  }

  /** Show whose curve is drawn. */
  showLane(lane) {
    this.lane = lane;
    for (const button of this.#root.querySelectorAll("[data-curve]"))
      button.setAttribute("aria-pressed", String(Number(button.dataset.curve) === lane));
    this.#legend();
    this.redraw();
  }

  /** Put the line of the present where the player is; `follow` turns the page when it leaves the picture. */
  setTime(ms, follow = false) {
    this.#now = ms;
    if (follow && this.#zoomed && (ms > this.view.until || ms < this.view.from)) {
      const length = this.view.until - this.view.from;
      this.#look(ms - length * 0.05, length);
    }
    const x = this.#x(ms);
    this.head.style.transform = `translateX(${x}px)`;
    this.head.hidden = x < 0 || x > this.#size.width;
  }

  /** Zoom around a moment; above 1 shows less time in more detail. */
  zoom(factor, around = this.#now) {
    const length = Math.max(SHORTEST_VIEW_MS, (this.view.until - this.view.from) / factor);
    const place = Math.min(1, Math.max(0, (around - this.view.from) / (this.view.until - this.view.from)));
    this.#look(around - length * place, length);
  }

  zoomBy(step) {
    if (step === "fit") this.#look(0, this.#call.duration_ms);
    else this.zoom(step === "in" ? ZOOM : 1 / ZOOM);
  }

  /** Draw anew before the next frame. */
  redraw() {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#draw();
    });
  }

  get #zoomed() {
    return this.view.until - this.view.from < this.#call.duration_ms;
  }

  #look(from, length) {
    const whole = this.#call.duration_ms;
    length = Math.min(whole, length);
    from = Math.min(Math.max(0, from), whole - length);
    this.view = { from, until: from + length };
    this.#root.toggleAttribute("data-zoomed", this.#zoomed);
    this.#draw();
  }

  #x(ms) {
    return ((ms - this.view.from) / (this.view.until - this.view.from)) * this.#size.width;
  }

  #ms(x) {
    return this.view.from + (x / this.#size.width) * (this.view.until - this.view.from);
  }

  // --- what is pressed ---

  #listen() {
    const box = this.#plot;
    const at = (event) => {
      const left = box.getBoundingClientRect().left;
      return Math.min(this.#call.duration_ms, Math.max(0, this.#ms(event.clientX - left)));
    };
    const seek = (event) => this.dispatchEvent(new CustomEvent("seek", { detail: at(event) }));
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      box.setPointerCapture(event.pointerId);
      seek(event);
    });
    box.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      if (event.buttons === 1 && box.hasPointerCapture(event.pointerId)) seek(event);
      this.#tell(at(event), event);
    });
    // A finger that moves scrolls the page; one that taps seeks.
    box.addEventListener("click", (event) => event.pointerType === "touch" && seek(event));
    box.addEventListener("pointerleave", () => this.#tell(null));
    box.addEventListener("wheel", (event) => {
      const length = this.view.until - this.view.from;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 300), at(event));
      } else if (this.#zoomed && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
        event.preventDefault();
        this.#look(this.view.from + ((event.deltaX || event.deltaY) / this.#size.width) * length, length);
      }
    }, { passive: false });
    for (const button of this.#root.querySelectorAll("[data-zoom]"))
      button.addEventListener("click", () => this.zoomBy(button.dataset.zoom));
    for (const button of this.#root.querySelectorAll("[data-curve]"))
      button.addEventListener("click", () => this.showLane(Number(button.dataset.curve)));
  }

  // --- what lies under the pointer ---

  #tell(ms, event) {
    const card = this.#plot.querySelector(".plot-card");
    const line = this.#plot.querySelector(".plot-hover");
    card.hidden = line.hidden = ms === null;
    if (ms === null) return;
    const x = this.#x(ms);
    line.style.transform = `translateX(${x}px)`;
    const lines = [el("b", { class: "numbers" }, clock(ms))];
    for (const one of this.#call.segments.filter((one) => one.from <= ms && ms < one.until)) {
      lines.push(
        el("div", { class: "plot-card-lane" }, el("span", { class: "soft" }, this.laneName(one.lane)),
          el("span", { class: "chip", dataset: { emotion: one.emotion } }, icon(one.emotion), t(`emotion.${one.emotion}`), " ",
            el("span", { class: "numbers" }, `${Math.round(one.probability * 100)}%`))),
      );
      const text = document.querySelector(`#s${one.number} .said-text`)?.textContent;
      if (text) lines.push(el("p", { lang: document.querySelector(`#s${one.number} .said-text`).lang }, text));
    }
    for (const one of this.#call.events.filter((one) => one.from <= ms && ms < one.until))
      lines.push(el("div", { class: "soft" }, t(`event.${one.kind}`), ` ${((one.until - one.from) / 1000).toFixed(1)} s`));
    card.replaceChildren(...lines);
    const width = card.offsetWidth;
    card.style.left = `${Math.max(0, Math.min(this.#size.width - width, x > this.#size.width / 2 ? x - width - 14 : x + 14))}px`;
    const top = event.clientY - this.#plot.getBoundingClientRect().top;
    card.style.top = `${Math.min(top + 12, this.#size.height - 40)}px`;
  }

  laneName(lane) {
    const { role, channel } = this.#call.lanes[lane];
    return role === "unknown" ? t("channel", { number: channel + 1 }) : t(`role.${role}`);
  }

  #legend() {
    const legend = this.#root.querySelector("#legend");
    const shown = shownEmotions(this.#call, this.lane);
    if (!shown.length) {
      legend.replaceChildren(el("li", { class: "faint" }, t("curve.flat")));
      return;
    }
    legend.replaceChildren(...shown.map((emotion) => {
      const share = shareOf(this.#call, this.lane, emotion);
      const button = el("button", {
        type: "button", class: "legend-item", dataset: { emotion }, "aria-pressed": String(!this.hidden.has(emotion)),
        title: t("curve.share"),
        onclick: () => {
          if (!this.hidden.delete(emotion)) this.hidden.add(emotion);
          button.setAttribute("aria-pressed", String(!this.hidden.has(emotion)));
          this.redraw();
        },
      }, icon(emotion), t(`emotion.${emotion}`), el("span", { class: "numbers faint" }, share < 0.01 ? "<1%" : `${Math.round(share * 100)}%`));
      return el("li", {}, button);
    }));
  }

  // --- the picture ---

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#plot;
    if (!width || !height) return;
    this.#size = { width, height };
    const ratio = devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    this.#measure();
    const context = this.#canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = `500 11px ${getComputedStyle(this.#root).fontFamily}`;
    context.textBaseline = "middle";
    this.#drawGrid(context);
    this.#drawSpans(context);
    this.#drawCurve(context);
    this.#call.lanes.forEach((lane, number) => this.#drawLane(context, lane, number));
    this.#drawAxis(context);
    this.#placeMarks();
    this.setTime(this.#now);
  }

  #measure() {
    const top = this.#plot.offsetTop;
    const rows = { lanes: [] };
    for (const label of this.#root.querySelectorAll("[data-row]")) {
      const row = { top: label.offsetTop - top, height: label.offsetHeight, head: 0 };
      // On a narrow screen the names lie over the picture: what is drawn begins below them.
      if (label.offsetLeft === this.#plot.offsetLeft) row.head = label.querySelector("b")?.offsetHeight ?? 0;
      if (label.dataset.row === "lane") rows.lanes.push(row);
      else rows[label.dataset.row] = row;
    }
    this.#rows = rows;
  }

  #drawGrid(context) {
    const { curve, axis } = this.#rows;
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.beginPath();
    for (const share of [0, 0.5, 1]) {
      const y = Math.round(this.#curveY(share)) + 0.5;
      context.moveTo(0, y);
      context.lineTo(this.#size.width, y);
    }
    context.stroke();
    context.globalAlpha = 0.55;
    context.beginPath();
    for (const ms of this.#ticks()) {
      const x = Math.round(this.#x(ms)) + 0.5;
      context.moveTo(x, curve.top);
      context.lineTo(x, axis.top);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  #ticks() {
    const { from, until } = this.view;
    const perTick = ((until - from) / this.#size.width) * 84;
    const step = 1000 * (TICKS_S.find((seconds) => seconds * 1000 >= perTick) ?? TICKS_S.at(-1));
    const found = [];
    for (let ms = Math.ceil(from / step) * step; ms <= until; ms += step) found.push(ms);
    return found;
  }

  #drawAxis(context) {
    const { axis } = this.#rows;
    context.fillStyle = colour("text-faint");
    for (const ms of this.#ticks()) {
      const text = clock(ms);
      const x = this.#x(ms);
      const wide = context.measureText(text).width;
      context.textAlign = x < wide / 2 + 2 ? "left" : x > this.#size.width - wide / 2 - 2 ? "right" : "center";
      context.fillText(text, Math.min(Math.max(x, 0), this.#size.width), axis.top + axis.height / 2 + 1);
    }
    context.textAlign = "left";
    context.fillStyle = colour("accent");
    for (const ms of this.#hits) context.fillRect(Math.round(this.#x(ms)) - 1, axis.top, 2, 6);
  }

  /** Silence, music and crosstalk lie across what they cover. */
  #drawSpans(context) {
    const first = this.#rows.lanes[0];
    const last = this.#rows.lanes.at(-1);
    if (!first) return;
    for (const { kind, from, until, lane } of this.#call.events) {
      if (!(kind in HATCHED) || until < this.view.from || from > this.view.until) continue;
      const row = kind === "BGM" && lane !== null ? this.#rows.lanes[lane] : null;
      const top = row ? row.top : first.top;
      const height = row ? row.height : last.top + last.height - first.top;
      const x = this.#x(from);
      const width = Math.max(1, this.#x(until) - x);
      const tone = kind === "CROSSTALK" ? colour("emotion-surprised") : colour("text-faint");
      context.save();
      context.beginPath();
      context.rect(x, top, width, height);
      context.clip();
      context.fillStyle = context.strokeStyle = tone;
      context.globalAlpha = kind === "CROSSTALK" ? 0.16 : 0.07;
      context.fillRect(x, top, width, height);
      if (kind !== "CROSSTALK" && width > 4) {
        context.globalAlpha = 0.22 * HATCHED[kind];
        context.lineWidth = 1;
        context.beginPath();
        for (let left = Math.floor((x - height) / 7) * 7; left < x + width; left += 7) {
          context.moveTo(left, top + height);
          context.lineTo(left + height, top);
        }
        context.stroke();
      }
      context.restore();
    }
  }

  #curveY(share) {
    const { curve } = this.#rows;
    return curve.top + EDGE + (1 - share) * (curve.height - 2 * EDGE);
  }

  #drawCurve(context) {
    const perPx = (this.view.until - this.view.from) / this.#size.width;
    const bridge = Math.max(6000, perPx * 40);
    const shown = shownEmotions(this.#call, this.lane).filter((emotion) => !this.hidden.has(emotion));
    // The gravest last, over all others.
    for (const emotion of shown.reverse()) {
      const made = points(this.#call, this.lane, emotion, this.view, perPx * CURVE_STEP_PX);
      for (const run of runs(made, bridge)) this.#drawRun(context, run, emotionColour(emotion), emotion === "ANGRY" ? 0.26 : 0.1);
    }
  }

  #drawRun(context, run, tone, fill) {
    const base = this.#curveY(0);
    const path = new Path2D();
    const ease = 10;
    const [head, tail] = [run[0], run.at(-1)];
    const left = this.#x(head.from);
    path.moveTo(left - ease, base);
    path.bezierCurveTo(left - ease / 2, base, left - ease / 2, this.#curveY(head.value), left, this.#curveY(head.value));
    run.forEach((point, number) => {
      const [from, until, y] = [this.#x(point.from), this.#x(point.until), this.#curveY(point.value)];
      const reach = Math.min((until - from) / 3, 22);
      const next = run[number + 1];
      path.lineTo(from + reach, y);
      path.lineTo(until - reach, y);
      if (!next) return;
      const nextFrom = this.#x(next.from);
      const nextReach = Math.min((this.#x(next.until) - nextFrom) / 3, 22);
      const end = Math.max(until - reach, nextFrom + nextReach);
      const middle = (until - reach + end) / 2;
      path.bezierCurveTo(middle, y, middle, this.#curveY(next.value), end, this.#curveY(next.value));
    });
    const right = this.#x(tail.until);
    path.lineTo(right, this.#curveY(tail.value));
    path.bezierCurveTo(right + ease / 2, this.#curveY(tail.value), right + ease / 2, base, right + ease, base);
    const { curve } = this.#rows;
    const clip = (stretches) => {
      context.beginPath();
      // A line that lies on the ground says nothing.
      for (const [from, until] of stretches) context.rect(from, curve.top, until - from, base - 1 - curve.top);
      context.clip();
    };
    context.fillStyle = context.strokeStyle = tone;
    context.lineWidth = 2;
    context.lineJoin = "round";
    // While the other party speaks, nothing is known: the line only leads on.
    context.save();
    clip([[0, this.#size.width]]);
    context.globalAlpha = 0.45;
    context.setLineDash([2, 4]);
    context.stroke(path);
    context.restore();
    context.save();
    clip(run.map(({ from, until }, number) => {
      const next = run[number + 1]?.from ?? Infinity;
      return [this.#x(from) - ease, next - until < BREATH_MS ? this.#x(next) : this.#x(until) + ease];
    }));
    context.globalAlpha = fill;
    context.fill(path);
    context.globalAlpha = 1;
    context.stroke(path);
    context.restore();
  }

  #drawLane(context, lane, number) {
    const row = this.#rows.lanes[number];
    const waveHeight = row.height - row.head - BAND_PX - 10;
    this.#drawWave(context, lane, number, row.top + row.head + 2, waveHeight);
    this.#drawBand(context, number, row.top + row.height - BAND_PX - 4);
  }

  #drawWave(context, lane, number, top, height) {
    const middle = top + height / 2;
    context.fillStyle = colour(`role-${lane.role}`);
    if (!this.#peaks?.channels[lane.channel]) {
      context.globalAlpha = 0.35;
      context.fillRect(0, Math.round(middle), this.#size.width, 1);
      context.globalAlpha = 1;
      return;
    }
    const { channels, hopMs, top: tops } = this.#peaks;
    const peaks = channels[lane.channel];
    const perPx = (this.view.until - this.view.from) / this.#size.width;
    const speaking = lane.whole ? null : this.#call.segments.filter((one) => one.lane === number);
    let at = 0;
    context.globalAlpha = 0.75;
    for (let x = 0; x < this.#size.width; x += STEP_PX) {
      const from = this.#ms(x);
      const until = from + perPx * STEP_PX;
      if (speaking) {
        while (at < speaking.length && speaking[at].until <= from) at += 1;
        if (at >= speaking.length || speaking[at].from >= until) continue;
      }
      let peak = 0;
      const last = Math.min(peaks.length, Math.max(Math.ceil(until / hopMs), Math.floor(from / hopMs) + 1));
      for (let hop = Math.floor(from / hopMs); hop < last; hop += 1) if (peaks[hop] > peak) peak = peaks[hop];
      const size = Math.max(1, Math.min(1, peak / tops[lane.channel]) * height);
      context.fillRect(x, middle - size / 2, BAR_PX, size);
    }
    context.globalAlpha = 1;
  }

  #drawBand(context, number, top) {
    const perPx = (this.view.until - this.view.from) / this.#size.width;
    for (const { from, until, emotion, probability, names } of this.#blocks(number, perPx * 2)) {
      const x = this.#x(from);
      const width = Math.max(1.5, this.#x(until) - x - 1);
      const tone = emotionColour(emotion);
      context.globalAlpha = opacity(emotion, probability);
      context.fillStyle = tone;
      context.beginPath();
      context.roundRect(x, top, width, BAND_PX, Math.min(4, width / 2));
      context.fill();
      context.globalAlpha = 1;
      if (!names) continue;
      const label = t(`emotion.${emotion}`);
      const long = `${label} ${Math.round(probability * 100)}%`;
      const text = context.measureText(long).width + 12 < width ? long : label;
      const visible = Math.min(x + width, this.#size.width) - Math.max(x, 0);
      if (context.measureText(text).width + 10 >= visible) continue;
      context.fillStyle = readable(tone, opacity(emotion, probability));
      context.fillText(text, Math.max(x, 0) + 6, top + BAND_PX / 2 + 0.5);
    }
  }

  /** The segments of a lane in view; the shorter ones of a pixel joined, and the most telling stands for all. */
  #blocks(number, leastMs) {
    const made = [];
    for (const one of this.#call.segments) {
      if (one.lane !== number || one.until < this.view.from) continue;
      if (one.from > this.view.until) break;
      const last = made.at(-1);
      if (last && one.until - last.from < leastMs) {
        last.until = Math.max(last.until, one.until);
        last.names = false;
        if (weight(one) > weight(last)) [last.emotion, last.probability] = [one.emotion, one.probability];
      } else made.push({ ...one, names: true });
    }
    return made;
  }

  /** Icons where there is room for them, what matters most first. */
  #placeMarks() {
    const { marks } = this.#rows;
    const taken = [];
    const made = [];
    const rank = (one) => (one.severity ? 0 : one.kind === "SILENCE" ? 2 : 1);
    const all = [
      ...this.#call.findings.filter((one) => one.severity !== "info").map((one) => ({ ...one, kind: "flag" })),
      ...this.#call.events.filter((one) => !ONLY_HATCHED.has(one.kind)),
    ].sort((one, other) => rank(one) - rank(other));
    for (const one of all) {
      if (one.until < this.view.from || one.from > this.view.until) continue;
      const isWide = one.kind === "SILENCE" || one.kind === "HOLD_MUSIC";
      const x = this.#x(isWide ? (one.from + one.until) / 2 : one.from);
      if (x < -4 || x > this.#size.width + 4 || taken.some((other) => Math.abs(other - x) < MARK_PX)) continue;
      taken.push(x);
      const mark = el("span", { class: "mark", dataset: one.severity ? { severity: one.severity } : { event: one.kind } }, icon(one.kind));
      mark.style.transform = `translate(${Math.min(Math.max(x, 10), this.#size.width - 10)}px, ${marks.top + marks.height / 2}px)`;
      made.push(mark);
    }
    this.#plot.querySelector(".plot-marks").replaceChildren(...made);
  }
}

/** How strongly a block is drawn: by its probability, and what is calm stays in the background. */
function opacity(emotion, probability) {
  return (0.18 + 0.82 * probability) * (QUIET.has(emotion) ? 0.4 : 1);
}

/** Show the sound that the server answered with. */
export function showPeaks(stage, { hop_ms: hopMs, channels }) {
  stage.setPeaks(channels.map((one) => Uint8Array.from(atob(one), (letter) => letter.charCodeAt(0))), hopMs);
}

function weight({ emotion, probability }) {
  return (emotion === "ANGRY" ? 2 : QUIET.has(emotion) ? 0 : 1) + probability;
}

/** The value under which a share of the peaks lies: one click of a line must not flatten a call. */
function quantile(peaks, share) {
  const counts = new Uint32Array(256);
  for (const peak of peaks) counts[peak] += 1;
  let left = peaks.length * share;
  for (let value = 0; value < 256; value += 1) if ((left -= counts[value]) <= 0) return value;
  return 255;
}

/** Black or white, whichever can be read on a tone that lies on the surface. */
function readable(tone, alpha) {
  const [over, under] = [channelsOf(tone), channelsOf(colour("surface"))];
  const [r, g, b] = over.map((value, number) => value * alpha + under[number] * (1 - alpha)).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#14161a" : "#fff";
}

function channelsOf(tone) {
  const numbers = tone.match(/[\d.]+/g)?.map(Number) ?? [128, 128, 128];
  if (tone.startsWith("#")) return [1, 3, 5].map((at) => parseInt(tone.length > 4 ? tone.slice(at, at + 2) : tone[(at + 1) / 2].repeat(2), 16));
  return tone.startsWith("color(") ? numbers.slice(-3).map((value) => value * 255) : numbers.slice(0, 3);
}
