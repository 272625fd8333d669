import { PALETTES, type Palette } from "../pictures/palette.js";
import { styleOf } from "../pictures/style.js";

/** The styles of pictures, and their colours as variables, so that the page has the same ones. */
export function themeCss(): string {
  const [light, dark] = [variablesOf(PALETTES.light), variablesOf(PALETTES.dark)];
  return [
    `:root{color-scheme:light;${light}}`,
    `:root[data-theme="dark"]{color-scheme:dark;${dark}}`,
    `@media (prefers-color-scheme:dark){:root:not([data-theme="light"]){color-scheme:dark;${dark}}}`,
    styleOf("light"),
    styleOf("dark"),
    styleOf("auto"),
  ].join("\n");
}

function variablesOf({ statuses, plain, ...colours }: Palette): string {
  const own = Object.entries(colours).map(([name, colour]) => `--${name}:${colour}`);
  const ofStatuses = Object.entries({ ...statuses, plain }).map(
    ([status, { fill, stroke }]) => `--${status}-fill:${fill};--${status}-stroke:${stroke}`,
  );
  return [...own, ...ofStatuses].join(";");
}
