// Correcting what was heard: kept beside it, under the name of who says so.

import { ask } from "../http.js";
import { complain, toast } from "../toast.js";
import { clock } from "../time.js";
import { t } from "../words.js";

/** The dialog; `open(line, segment)` asks, and the page comes back as corrected. */
export class Correction {
  #dialog;
  #form;
  #call;
  #player;
  #annotations = null;
  #line = null;
  #segment = null;
  #before = {};

  constructor(call, dialog, player) {
    this.#call = call;
    this.#dialog = dialog;
    this.#player = player;
    this.#form = dialog.querySelector("form");
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    dialog.querySelector("#correct-hear").addEventListener("click", () => player.play(this.#segment.from));
    dialog.querySelector("#correct-remove").addEventListener("click", () => this.#remove());
    dialog.addEventListener("close", () => this.#line?.querySelector(".said-edit")?.focus());
  }

  async open(line, segment) {
    this.#line = line;
    this.#segment = segment;
    try {
      this.#annotations = (await ask(`/v1/calls/${this.#call.id}/annotations`)).items;
    } catch (error) {
      return complain(error);
    }
    const made = this.#made();
    const { text, emotion, role, language, note } = this.#form.elements;
    const shown = line.querySelector(".said-text:not(.faint)");
    this.#before = {
      text: shown?.textContent ?? "",
      emotion: line.dataset.emotion,
      role: line.dataset.party,
      language: shown?.lang || "nospeech",
      note: made?.note ?? "",
    };
    text.value = this.#before.text;
    text.disabled = "masked" in line.dataset;
    text.lang = this.#before.language;
    emotion.value = this.#before.emotion;
    role.value = this.#before.role;
    language.value = this.#before.language;
    note.value = this.#before.note;
    this.#dialog.querySelector("#correct-masked").hidden = !text.disabled;
    this.#dialog.querySelector("#correct-remove").hidden = !made;
    this.#dialog.querySelector("#correct-when").textContent = `${clock(segment.from)} – ${clock(segment.until)}`;
    this.#dialog.showModal();
  }

  #made() {
    const { from, until, lane } = this.#segment;
    const { channel } = this.#call.lanes[lane];
    return this.#annotations.find((one) => one.channel === channel && one.start_ms === from && one.end_ms === until);
  }

  async #save() {
    const said = Object.fromEntries(
      ["text", "emotion", "role", "language", "note"].map((name) => [name, this.#form.elements[name].value.trim()]),
    );
    const made = this.#made();
    const body = { channel: this.#call.lanes[this.#segment.lane].channel, start_ms: this.#segment.from, end_ms: this.#segment.until };
    for (const [name, value] of Object.entries(said)) {
      // What was corrected before stays so; what is as it was heard is left out.
      if (value !== this.#before[name]) body[name] = value;
      else if (made?.[name] !== null && made?.[name] !== undefined) body[name] = made[name];
    }
    if (Object.keys(body).length === 3) return this.#dialog.close();
    try {
      await ask(`/v1/calls/${this.#call.id}/annotations`, { method: "PUT", body });
    } catch (error) {
      return complain(error);
    }
    await this.#done(t("correct.saved"));
  }

  async #remove() {
    try {
      await ask(`/v1/calls/${this.#call.id}/annotations/${this.#made().annotation_id}`, { method: "DELETE" });
    } catch (error) {
      return complain(error);
    }
    await this.#done(t("correct.removed"));
  }

  /** The server says how the line looks now; nothing else on the page moves. */
  async #done(text) {
    const answer = await fetch(location.pathname);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(this.#line.id);
    for (const { name } of [...this.#line.attributes]) if (name !== "aria-current") this.#line.removeAttribute(name);
    for (const { name, value } of fresh.attributes) this.#line.setAttribute(name, value);
    this.#line.replaceChildren(...fresh.childNodes);
    this.#dialog.close();
    const data = JSON.parse(page.getElementById("call-data").textContent);
    this.#segment.emotion = data.emotions[data.segments.find((one) => one[5] === this.#segment.number)[3]];
    this.#line.dispatchEvent(new CustomEvent("corrected", { bubbles: true }));
    toast(text);
  }
}
