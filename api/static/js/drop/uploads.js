// What was handed over in this tab, and what became of it: sent, followed by server-sent events, kept over page changes.

const KEPT = "callscope.tray";
const SENDING_AT_ONCE = 2;
// A browser keeps six connections to a host; the pages need some of them.
const FOLLOWED_AT_ONCE = 3;
const ENDS = new Set(["done", "no_speech", "dead", "skipped", "refused"]);

/**
 * @typedef {object} Upload
 * @property {string} key         names the request, so that sending again makes no second recording
 * @property {string} name        of the file
 * @property {string} stage       waiting, sending, queued, fetching, analysing, or an end
 * @property {number} share       0 to 1, how much of it was sent
 * @property {?number} recordingId
 * @property {?number} place      among those that wait, 1 for the next
 * @property {?string} code       of what went wrong
 * @property {?string} detail
 * @property {?string} advice
 * @property {?string} callUrl
 * @property {number} elapsedMs
 * @property {boolean} isLost     the connection is away
 */

/** Every upload of this tab, newest first; fires `change`, and `end` with the upload that ended. */
export class Uploads extends EventTarget {
  #list = [];
  #files = new Map();
  #streams = new Map();

  constructor() {
    super();
    this.#list = restored();
    this.#go();
    addEventListener("beforeunload", (event) => {
      if (this.#files.size && this.#list.some((one) => one.stage === "sending" || one.stage === "waiting")) event.preventDefault();
    });
  }

  get list() {
    return this.#list;
  }

  /** Take a file; `language` is auto or a tag of the recogniser. */
  add(file, language) {
    const upload = {
      key: randomKey(), name: file.name, stage: "waiting", share: 0, recordingId: null, place: null, code: null,
      detail: null, advice: null, callUrl: null, elapsedMs: 0, isLost: false,
    };
    this.#files.set(upload.key, { file, language });
    this.#list = [upload, ...this.#list];
    this.#changed();
    this.#go();
    return upload;
  }

  /** Send a refused one again: the same request, in case the first did arrive. */
  retry(upload) {
    Object.assign(upload, { stage: "waiting", share: 0, code: null, detail: null, advice: null });
    this.#changed();
    this.#go();
  }

  /** Tell whether sending it again may help: its file is still at hand, and it wasn't the file that was refused. */
  canRetry(upload) {
    return this.#files.has(upload.key);
  }

  remove(upload) {
    this.#streams.get(upload.key)?.close();
    this.#streams.delete(upload.key);
    this.#files.delete(upload.key);
    this.#list = this.#list.filter((one) => one !== upload);
    this.#changed();
    this.#go();
  }

  clearEnded() {
    for (const upload of this.#list.filter(hasEnded)) this.remove(upload);
  }

  #go() {
    const sending = this.#list.filter((one) => one.stage === "sending").length;
    const waiting = this.#list.filter((one) => one.stage === "waiting").reverse();
    for (const upload of waiting.slice(0, SENDING_AT_ONCE - sending)) this.#send(upload);
    const unfollowed = this.#list.filter((one) => one.recordingId && !hasEnded(one) && !this.#streams.has(one.key)).reverse();
    for (const upload of unfollowed.slice(0, FOLLOWED_AT_ONCE - this.#streams.size)) this.#follow(upload);
  }

  #send(upload) {
    const { file, language } = this.#files.get(upload.key);
    const form = new FormData();
    form.set("language", language);
    form.set("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/recordings");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Idempotency-Key", upload.key);
    request.responseType = "json";
    request.upload.onprogress = (event) => this.#note(upload, { share: event.total ? event.loaded / event.total : 0 });
    request.onload = () => {
      if (request.status < 300) {
        this.#files.delete(upload.key);
        this.#note(upload, { stage: "queued", share: 1, recordingId: request.response.recording_id });
      } else {
        const problem = request.response ?? { code: "error", detail: request.statusText, advice: "" };
        this.#refuse(upload, { ...problem, status: request.status });
      }
    };
    request.onerror = () => this.#refuse(upload, { status: 0, code: "unreachable", detail: "", advice: "" });
    this.#note(upload, { stage: "sending" });
    request.send(form);
  }

  #refuse(upload, { status, code, detail, advice }) {
    if (!isPassing(status)) this.#files.delete(upload.key);
    this.#note(upload, { stage: "refused", code, detail, advice });
  }

  #follow(upload) {
    const stream = new EventSource(`/v1/recordings/${upload.recordingId}/events`);
    this.#streams.set(upload.key, stream);
    stream.addEventListener("progress", (event) => {
      const told = JSON.parse(event.data);
      const ended = ENDS.has(told.stage);
      if (ended) {
        stream.close();
        this.#streams.delete(upload.key);
      }
      this.#note(upload, {
        stage: told.stage, place: told.place, elapsedMs: told.elapsed_ms, code: told.code, detail: told.message,
        advice: told.advice, callUrl: told.call_url, isLost: false,
      });
    });
    stream.onerror = () => {
      // The browser tries again by itself, unless the answer was no stream at all: then the recording isn't there.
      if (stream.readyState !== EventSource.CLOSED) return this.#note(upload, { isLost: true });
      this.#streams.delete(upload.key);
      this.#refuse(upload, { status: 404, code: "not_found", detail: "", advice: "" });
    };
  }

  #note(upload, values) {
    if (!this.#list.includes(upload)) return;
    const before = hasEnded(upload);
    Object.assign(upload, values);
    this.#changed();
    if (hasEnded(upload) && !before) this.dispatchEvent(new CustomEvent("end", { detail: upload }));
    this.#go();
  }

  #changed() {
    const accepted = this.#list.filter((one) => one.recordingId);
    sessionStorage.setItem(KEPT, JSON.stringify(accepted));
    this.dispatchEvent(new Event("change"));
  }
}

/** Tell whether nothing more will happen to an upload by itself. */
export function hasEnded(upload) {
  return ENDS.has(upload.stage);
}

// What is refused for itself is refused again; what was too busy or away may be back.
function isPassing(status) {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

// crypto.randomUUID is missing where the page came by plain HTTP.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
