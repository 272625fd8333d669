import { describe, expect, it } from "vitest";
import { toSVG } from "dagwright/pictures";
import { PALETTES, type Palette } from "../../lib/pictures/palette.js";
import { etl } from "../support/pictured.js";

/** Relative luminance, by WCAG 2.2. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const names = Object.keys(PALETTES) as (keyof typeof PALETTES)[];
const looks = ({ plain, statuses }: Palette) => [plain, ...Object.values(statuses)];

describe.each(names)("The %s theme", (name) => {
  const palette = PALETTES[name];
  const { ground, group, text, faint, line, strong, error, groupLine } = palette;

  it("has texts with a contrast of 4.5:1", () => {
    const behind = [ground, group, ...looks(palette).map(({ fill }) => fill)];
    for (const colour of [text, faint]) {
      for (const other of behind) expect(contrast(colour, other)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("has lines, outlines and signs with a contrast of 3:1", () => {
    for (const colour of [line, strong, error, groupLine]) {
      for (const other of [ground, group]) expect(contrast(colour, other)).toBeGreaterThanOrEqual(3);
    }
    for (const { fill, stroke } of looks(palette)) {
      for (const other of [fill, ground, group]) expect(contrast(stroke, other)).toBeGreaterThanOrEqual(3);
    }
  });

  it("is that of pictures, and of no others on the same page", async () => {
    const svg = await toSVG(etl(), { theme: name });
    expect(svg).toContain(`.dagwright-${name} .ground{fill:${ground}}`);
    expect(svg).not.toContain("@media");
    const rules = /<style>([^<]*)<\/style>/u.exec(svg)![1].split("\n");
    for (const rule of rules) for (const one of rule.split("{")[0].split(",")) expect(one).toMatch(/^\.dagwright-/u);
  });
});

it("The theme auto is light, and dark where readers prefer that", async () => {
  const svg = await toSVG(etl(), { theme: "auto" });
  const [light, dark] = svg.split("@media (prefers-color-scheme:dark)");
  expect(light).toContain(`.dagwright-auto .ground{fill:${PALETTES.light.ground}}`);
  expect(dark).toContain(`.dagwright-auto .ground{fill:${PALETTES.dark.ground}}`);
});
