import { signalOf } from "./parts/signal.js";

export type Theme = "auto" | "light" | "dark";

const KEY = "dagwright-theme";

export const theme = signalOf<Theme>(remembered());

/** Switches the page to a theme. */
export function setTheme(chosen: Theme): void {
  theme.set(chosen);
  document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // Some browsers keep nothing.
  }
}

function remembered(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") return kept;
  } catch {
    // As above.
  }
  return "auto";
}
