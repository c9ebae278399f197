// The transcript beside the player: what is said now is lit, and a word that is pressed is heard.

const QUIET_MS = 12_000;
const LEAD = 0.15;

/** Lights up lines and words, and says with `seek` which moment somebody pressed. */
export class Transcript extends EventTarget {
  #box;
  #call;
  #lines;
  #words = new Map();
  #lit = [];
  #scrolledAt = -Infinity;
  #follow;

  constructor(call, box, follow) {
    super();
    this.#call = call;
    this.#box = box;
    this.#follow = follow;
    this.#lines = new Map([...box.querySelectorAll(".said")].map((line) => [Number(line.dataset.number), line]));
    box.addEventListener("click", (event) => this.#pressed(event));
    for (const name of ["wheel", "touchmove", "pointerdown"]) addEventListener(name, (event) => this.#moved(event), { passive: true });
    follow.addEventListener("click", () => {
      this.#scrolledAt = -Infinity;
      follow.hidden = true;
      if (this.#lit[0]) this.show(this.#lit[0]);
    });
  }

  /** Take the places of words: by segment, [first character, last, from, until, …]. */
  setWords(places) {
    for (const [number, flat] of Object.entries(places)) this.#words.set(Number(number), flat);
    this.#box.dataset.words = "";
  }

  line(number) {
    return this.#lines.get(number);
  }

  /** The segment that is heard, or was heard last. */
  at(ms) {
    const { segments } = this.#call;
    let [low, high] = [0, segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (segments[middle].from <= ms) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Light up what is said at a moment. */
  setTime(ms, isPlaying) {
    const last = this.at(ms);
    const now = [];
    for (let number = last; number >= 0 && number > last - 6; number -= 1)
      if (this.#call.segments[number].until > ms) now.unshift(this.#call.segments[number]);
    const lines = now.map((one) => this.line(one.number)).filter(Boolean);
    if (lines.length !== this.#lit.length || lines.some((line, number) => line !== this.#lit[number])) {
      for (const line of this.#lit) line.removeAttribute("aria-current");
      for (const line of lines) line.setAttribute("aria-current", "true");
      const isNew = lines.at(-1) && !this.#lit.includes(lines.at(-1));
      this.#lit = lines;
      if (isNew && isPlaying) this.#keepInSight(lines.at(-1));
    }
    this.#lightWords(now, ms);
  }

  /** Bring a line into sight. */
  show(line, { smooth = true } = {}) {
    const behavior = smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "auto";
    if (this.hasOwnScroll) this.#box.scrollTo({ top: line.offsetTop - this.#box.clientHeight * LEAD, behavior });
    else line.scrollIntoView({ block: "center", behavior });
  }

  /** A wide page scrolls the transcript alone; a phone scrolls the page. */
  get hasOwnScroll() {
    return getComputedStyle(this.#box).overflowY === "auto";
  }

  #keepInSight(line) {
    // Whoever looks at the stage of a phone isn't led away from it.
    if (!this.hasOwnScroll && this.#box.getBoundingClientRect().top > innerHeight * 0.6) return;
    if (performance.now() - this.#scrolledAt < QUIET_MS) {
      this.#follow.hidden = false;
      return;
    }
    this.#follow.hidden = true;
    this.show(line);
  }

  /** Whoever scrolls by hand reads elsewhere, and is left there. */
  #moved(event) {
    if (event.type === "pointerdown" && event.target !== this.#box) return;
    if (event.target.closest?.("#lines") || !this.hasOwnScroll) this.#scrolledAt = performance.now();
  }

  #lightWords(now, ms) {
    if (!globalThis.Highlight) return;
    const ranges = [];
    for (const { number } of now) {
      const flat = this.#words.get(number);
      const node = this.line(number)?.querySelector(".said-text")?.firstChild;
      if (!flat || !node) continue;
      for (let at = 0; at < flat.length; at += 4) {
        if (flat[at + 2] > ms || ms >= flat[at + 3] || flat[at + 1] > node.length) continue;
        ranges.push(range(node, flat[at], flat[at + 1]));
        break;
      }
    }
    CSS.highlights.set("word", new Highlight(...ranges));
  }

  #pressed(event) {
    const link = event.target.closest("[data-hear]");
    const line = event.target.closest(".said");
    if (link) return; // The page takes these.
    const text = event.target.closest(".said-text");
    if (!text || !line || event.button !== 0 || !getSelection().isCollapsed) return;
    const number = Number(line.dataset.number);
    const segment = this.#call.segments.find((one) => one.number === number);
    const offset = offsetAt(event, text.firstChild);
    const flat = offset === null ? null : this.#words.get(number);
    let ms = segment.from;
    for (let at = 0; flat && at < flat.length; at += 4) if (flat[at] <= offset) ms = flat[at + 2];
    this.dispatchEvent(new CustomEvent("seek", { detail: ms }));
  }
}

/** A stretch of a text. */
export function range(node, from, until) {
  return new StaticRange({ startContainer: node, startOffset: from, endContainer: node, endOffset: until });
}

function offsetAt({ clientX, clientY }, node) {
  const caret = document.caretPositionFromPoint?.(clientX, clientY);
  const found = caret
    ? { node: caret.offsetNode, offset: caret.offset }
    : (({ startContainer, startOffset } = {}) => ({ node: startContainer, offset: startOffset }))(document.caretRangeFromPoint?.(clientX, clientY) ?? {});
  if (found.node !== node) return null;
  // The caret stands after a character whose right half was pressed.
  const box = document.createRange();
  const before = Math.max(0, found.offset - 1);
  box.setStart(node, before);
  box.setEnd(node, found.offset);
  const isBefore = [...box.getClientRects()].some((one) => clientX >= one.left && clientX <= one.right && clientY >= one.top && clientY <= one.bottom);
  return isBefore ? before : found.offset;
}
