// The list of calls: filters that answer at once, rows that go on, and what is done with many calls.

import { ask } from "../http.js";
import { localise } from "../time.js";
import { complain, toast } from "../toast.js";
import { t } from "../words.js";

const TYPING_MS = 250;

const form = document.getElementById("filters");
const results = document.getElementById("results");
const bulk = document.getElementById("bulk");

const chosen = new Set();
let isEverything = false;
let asking = new AbortController();

// --- the list ---

/** Return the address's query for what the form says; fields left empty are left out. */
function query() {
  const told = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (String(value).trim()) told.set(name, String(value).trim());
  if (!told.has("emotion")) told.delete("share");
  if (told.get("sort") === "newest") told.delete("sort");
  return told.toString();
}

async function fetchPart(url, part) {
  const answer = await fetch(url, { headers: { "X-Part": part }, signal: asking.signal });
  if (!answer.ok) throw Object.assign(new Error(answer.statusText), { problem: await answer.json().catch(() => null) });
  return answer.text();
}

async function show(url, { keep = true } = {}) {
  asking.abort();
  asking = new AbortController();
  results.setAttribute("aria-busy", "true");
  try {
    results.innerHTML = await fetchPart(url, "results");
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
    return;
  }
  results.removeAttribute("aria-busy");
  if (keep) history.pushState(null, "", url);
  choose();
  ready();
}

function ready() {
  localise(results);
  mark();
  count();
}

/** Ask how many there are, beside the list: the list doesn't wait for it. */
async function count() {
  const told = document.getElementById("count");
  if (!told) return;
  try {
    told.textContent = await fetchPart(told.dataset.count, "count");
  } catch (error) {
    if (error.name !== "AbortError") told.textContent = "";
  }
}

/** Mark the menus that are set, and the view that is looked at. */
function mark() {
  const now = new URLSearchParams(location.search);
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.matches("select")) field.toggleAttribute("data-set", Boolean(field.value) && field.name !== "sort");
  }
  form.querySelector(".calls-share").hidden = !form.elements.emotion.value;
  now.delete("cursor");
  for (const link of document.querySelectorAll(".calls-views a")) {
    const same = sorted(new URL(link.href).searchParams) === sorted(now);
    if (same) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function sorted(params) {
  return [...params].map((pair) => pair.join("=")).sort().join("&");
}

/** Let the form say what an address says. */
function fill(url) {
  const params = new URL(url, location.href).searchParams;
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.name === "sort") field.value = params.get("sort") ?? "newest";
    else field.value = params.get(field.name) ?? "";
  }
}

let typing = 0;
form.addEventListener("input", (event) => {
  clearTimeout(typing);
  const waits = event.target.matches("input") ? TYPING_MS : 0;
  typing = setTimeout(() => go(), waits);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  go();
});
function go() {
  const told = query();
  show(told ? `/calls?${told}` : "/calls");
}

addEventListener("popstate", () => {
  fill(location.href);
  show(location.href, { keep: false });
});

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  const link = event.target.closest("a[data-list], .calls-views a");
  if (link) {
    event.preventDefault();
    fill(link.href);
    show(link.href);
    return;
  }
  const more = event.target.closest("a[data-more]");
  if (more) {
    event.preventDefault();
    goOn(more);
    return;
  }
  const row = event.target.closest("tr[data-call]");
  if (!row || event.target.closest("a, button, input, label") || String(getSelection())) return;
  if (event.target.closest(".calls-check")) row.querySelector("input").click();
  else row.querySelector(".calls-name a").click();
});

async function goOn(link) {
  const row = link.closest("tr");
  link.setAttribute("aria-disabled", "true");
  try {
    const held = document.createElement("tbody");
    held.innerHTML = await fetchPart(link.href, "rows");
    const first = held.querySelector("a");
    row.replaceWith(...held.children);
    localise(results);
    choose();
    first?.focus({ preventScroll: true });
  } catch (error) {
    link.removeAttribute("aria-disabled");
    if (error.name !== "AbortError") complain(error);
  }
}

// --- many calls ---

function boxes() {
  return [...results.querySelectorAll('input[name="call"]')];
}

/** Bring the boxes and the bar to what is chosen. */
function choose() {
  for (const box of boxes()) box.checked = isEverything || chosen.has(box.value);
  const all = document.getElementById("check-all");
  const here = boxes();
  if (all) {
    all.checked = here.length > 0 && here.every((box) => box.checked);
    all.indeterminate = !all.checked && here.some((box) => box.checked);
  }
  bulk.hidden = !isEverything && chosen.size === 0;
  document.getElementById("bulk-all").hidden = isEverything;
  document.getElementById("bulk-count").textContent = isEverything
    ? t("bulk.everything", { count: document.getElementById("count")?.textContent.trim() ?? "" })
    : t("bulk.count", { count: chosen.size });
}

results.addEventListener("change", (event) => {
  const box = event.target;
  if (isEverything) {
    isEverything = false;
    for (const one of boxes()) if (one !== box) chosen.add(one.value);
  }
  if (box.id === "check-all") for (const one of boxes()) keep(one.value, box.checked);
  else keep(box.value, box.checked);
  choose();
});
function keep(id, is) {
  if (is) chosen.add(id);
  else chosen.delete(id);
}
document.getElementById("bulk-all").addEventListener("click", () => {
  isEverything = true;
  choose();
});
document.getElementById("bulk-none").addEventListener("click", none);
function none() {
  chosen.clear();
  isEverything = false;
  choose();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-export]");
  if (!button) return;
  const sent = document.getElementById("export");
  const told = new URLSearchParams(query());
  told.set("form", button.dataset.export);
  sent.action = `/calls/export?${told}`;
  sent.elements.ids.value = isEverything ? "" : [...chosen].join(",");
  sent.submit();
  button.closest("details").open = false;
  toast(t("export.begun"));
});

document.getElementById("replay")?.addEventListener("close", async (event) => {
  if (event.target.returnValue !== "replay") return;
  event.target.returnValue = "";
  const body = isEverything ? { all: true } : { recording_ids: [...chosen].map(Number) };
  try {
    const { count: replayed } = await ask(`/v1/calls/replay?${query()}`, { method: "POST", body });
    toast(t("replay.done", { count: replayed }));
    none();
    show(location.href, { keep: false });
  } catch (error) {
    complain(error);
  }
});

// --- saved views ---

document.getElementById("save-view")?.addEventListener("close", async (event) => {
  const dialog = event.target;
  if (dialog.returnValue !== "save") return;
  dialog.returnValue = "";
  const name = dialog.querySelector('input[name="name"]');
  try {
    await ask("/v1/views", { method: "POST", body: { name: name.value, query: query() } });
    location.reload();
  } catch (error) {
    complain(error);
  }
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-remove-view]");
  if (!button) return;
  try {
    await ask(`/v1/views/${button.dataset.removeView}`, { method: "DELETE" });
    document.querySelector(`[data-view="${button.dataset.removeView}"]`)?.remove();
    button.closest("li").remove();
  } catch (error) {
    complain(error);
  }
});

// --- keys: / searches ---

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, dialog")) return;
  event.preventDefault();
  form.elements.q.focus();
  form.elements.q.select();
});

mark();
count();
choose();
