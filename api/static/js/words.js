// The page's words, which base.html carries as JSON.

const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

/** Return the words for a key, with `{name}` replaced by the value of that name. */
export function t(key, values = {}) {
  const text = words[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The language that the page speaks. */
export const language = document.documentElement.lang;
