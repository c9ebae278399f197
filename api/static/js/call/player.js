// The sound of a call; times are milliseconds.

import { toast } from "../toast.js";
import { t } from "../words.js";

/** Plays, and says `time` whenever the present has moved, `state` when it starts or stops. */
export class Player extends EventTarget {
  #audio;
  #durationMs;
  #frame = 0;
  #wanted = null;

  constructor(audio, durationMs) {
    super();
    this.#audio = audio;
    this.#durationMs = durationMs;
    audio.addEventListener("loadedmetadata", () => {
      if (this.#wanted !== null) audio.currentTime = this.#wanted / 1000;
      this.#wanted = null;
    });
    for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => this.#changed());
    for (const name of ["seeked", "timeupdate"]) audio.addEventListener(name, () => this.#told());
    audio.addEventListener("error", () => this.dispatchEvent(new CustomEvent("missing")));
  }

  /** Fetch the sound's head, so that it starts at once when it is wanted. */
  load() {
    this.#audio.preload = "metadata";
  }

  get now() {
    return this.#wanted ?? Math.min(this.#audio.currentTime * 1000, this.#durationMs);
  }

  get isPlaying() {
    return !this.#audio.paused && !this.#audio.ended;
  }

  set speed(speed) {
    this.#audio.playbackRate = speed;
  }

  seek(ms) {
    const place = Math.max(0, Math.min(ms, this.#durationMs - 1));
    // Before the sound's head is there, a browser would forget the place.
    if (this.#audio.readyState === 0) this.#wanted = place;
    else this.#audio.currentTime = place / 1000;
    this.#told();
  }

  async play(from = null) {
    if (from !== null) this.seek(from);
    try {
      await this.#audio.play();
    } catch (error) {
      if (error.name !== "AbortError") toast(t("player.missing"), { tone: "bad" });
    }
  }

  pause() {
    this.#audio.pause();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  #told() {
    this.dispatchEvent(new CustomEvent("time", { detail: this.now }));
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("state", { detail: this.isPlaying }));
    cancelAnimationFrame(this.#frame);
    const tick = () => {
      this.#told();
      if (this.isPlaying) this.#frame = requestAnimationFrame(tick);
    };
    tick();
  }
}
