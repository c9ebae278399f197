// Light, dark, or as the system has it; and the colours that the theme gives.

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const YEAR_S = 365 * 24 * 3600;

/** Return a colour of css/tokens.css as the theme has it now: `colour("emotion-angry")`. */
export function colour(name) {
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}

/** Return the colour of an emotion by its tag. */
export function emotionColour(emotion) {
  return colour(`emotion-${emotion === "EMO_UNKNOWN" ? "unknown" : emotion.toLowerCase()}`);
}

/** Tell whether the page is dark now. */
export function isDark() {
  return root.dataset.theme === "dark" || (root.dataset.theme !== "light" && system.matches);
}

/** Call back whenever the colours have changed. */
export function onTheme(callback) {
  addEventListener("callscope:theme", callback);
}

/** Choose `light`, `dark` or `auto`, for this browser. */
export function choose(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_S}; samesite=lax`;
  told();
}

function told() {
  dispatchEvent(new CustomEvent("callscope:theme"));
}

system.addEventListener("change", told);
