// Searching in what was said.

import { t } from "../words.js";
import { range } from "./transcript.js";

/** Finds a text in the lines; says with `found` the hits, and with `go` the one to look at. */
export class Search extends EventTarget {
  #lines;
  #input;
  #count;
  #buttons;
  #hits = [];
  #at = -1;

  constructor(form, lines) {
    super();
    this.#lines = lines;
    this.#input = form.querySelector("input");
    this.#count = form.querySelector("output");
    this.#buttons = [...form.querySelectorAll("button")];
    this.#input.addEventListener("input", () => this.#find());
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.#input.value = "";
        this.#find();
        this.#input.blur();
      } else if (event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        this.step(-1);
      }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.step(1);
    });
    form.querySelector("#search-previous").addEventListener("click", () => this.step(-1));
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  step(by) {
    if (!this.#hits.length) return;
    this.#at = (this.#at + by + this.#hits.length) % this.#hits.length;
    this.#show();
    this.dispatchEvent(new CustomEvent("go", { detail: this.#hits[this.#at] }));
  }

  #find() {
    const wanted = fold(this.#input.value.trim());
    this.#hits = [];
    this.#at = -1;
    if (wanted) {
      for (const line of this.#lines) {
        const node = line.querySelector(".said-text:not(.faint)")?.firstChild;
        if (!node) continue;
        const text = fold(node.data);
        // Folding may change the length of a text in rare scripts; then its places are those of no character.
        if (text.length !== node.data.length) continue;
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length))
          this.#hits.push({ line, node, from: at, until: at + wanted.length });
      }
    }
    this.dispatchEvent(new CustomEvent("found", { detail: this.#hits }));
    if (this.#hits.length) this.step(1);
    else this.#show();
  }

  #show() {
    const isOn = this.#input.value.trim() !== "";
    this.#count.textContent = !isOn ? "" : this.#hits.length ? t("search.count", { at: this.#at + 1, all: this.#hits.length }) : t("search.none");
    for (const button of this.#buttons) button.hidden = !this.#hits.length;
    if (!globalThis.Highlight) return;
    CSS.highlights.set("hit", new Highlight(...this.#hits.map((hit) => range(hit.node, hit.from, hit.until))));
    const hit = this.#hits[this.#at];
    CSS.highlights.set("hit-now", new Highlight(...(hit ? [range(hit.node, hit.from, hit.until)] : [])));
  }
}

function fold(text) {
  return text.toLowerCase();
}
