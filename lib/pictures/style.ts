import { PALETTES, type Look, type Palette } from "./palette.js";
import { FONTS } from "./text.js";

/** `auto` is light or dark as the reader's system is. */
export type Theme = "light" | "dark" | "auto";

/** The class of a picture's root, to which its styles are limited: a page may have several, of different themes. */
export function rootClass(theme: Theme): string {
  return `dagwright-${theme}`;
}

/** The styles of all pictures in a theme, as CSS. */
export function styleOf(theme: Theme): string {
  const root = `.${rootClass(theme)}`;
  const all = [
    `${root}{font-family:${FONTS};font-size:13px}`,
    ...rules(root, SHAPES),
    ...rules(root, theme === "auto" ? coloursOf(PALETTES.light) : coloursOf(PALETTES[theme])),
  ].join("\n");
  if (theme !== "auto") return all;
  return `${all}\n@media (prefers-color-scheme:dark){\n${rules(root, coloursOf(PALETTES.dark)).join("\n")}\n}`;
}

type Rule = readonly [selector: string, declarations: string];

function rules(root: string, list: readonly Rule[]): string[] {
  return list.map(
    ([selector, declarations]) =>
      `${selector
        .split(",")
        .map((one) => `${root} ${one}`)
        .join(",")}{${declarations}}`,
  );
}

const SHAPES: readonly Rule[] = [
  [".title", "font-size:17px;font-weight:600"],
  [".note,.label,.tiny", "font-size:11px"],
  [".subtitle,.legend", "font-size:12px"],
  [".heading", "font-size:12px;font-weight:600"],
  [".outline", "stroke-width:1.25"],
  [".critical .outline,.critical .frame", "stroke-width:2.75"],
  [".critical .sheet", "stroke-width:1.25"],
  [".way", "fill:none;stroke-width:1.25"],
  [".critical .way", "stroke-width:2.75"],
  [".label", "text-anchor:middle"],
  [".optional .way", "stroke-dasharray:6 4"],
  [".after .way", "stroke-dasharray:1.5 4;stroke-linecap:round"],
  [".error .way", "stroke-dasharray:6 3"],
  [".stream .way", "stroke-width:5"],
  [".stream .inner", "stroke-width:2.5"],
  [".skipped .outline,.pending .outline", "stroke-dasharray:4 3"],
  [".small", "font-size:12px"],
  [".bar", "stroke-width:1"],
  [".critical .bar", "stroke-width:2.5"],
  [".mark,.break,.wait,.retry,.pause", "fill:none;stroke-width:1"],
  [".wait,.retry,.pause", "stroke-width:2"],
  [".retry", "stroke-dasharray:4 3"],
  [".pause", "stroke-dasharray:1.5 4;stroke-linecap:round"],
  [".glyph", "fill:none;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round"],
  [".hollow", "fill:none;stroke-width:1.5"],
];

function coloursOf(palette: Palette): Rule[] {
  const { ground, text, faint, line, unused, strong, error, group, groupLine, plain, statuses } = palette;
  return [
    [".ground", `fill:${ground}`],
    [".title,.name,.heading", `fill:${text}`],
    [".subtitle,.note,.label,.legend", `fill:${faint}`],
    [".mark", `stroke:${unused}`],
    [".break,.wait,.retry,.pause", `stroke:${line}`],
    [".inside", `fill:${group}`],
    [".way", `stroke:${line}`],
    [".tip", `fill:${line}`],
    [".unused .way", `stroke:${unused}`],
    [".unused .tip", `fill:${unused}`],
    [".error .way", `stroke:${error}`],
    [".error .tip", `fill:${error}`],
    [".unused.error .way", `stroke:${unused}`],
    [".unused.error .tip", `fill:${unused}`],
    [".critical .way", `stroke:${strong}`],
    [".critical .tip", `fill:${strong}`],
    [".stream .inner", `stroke:${ground}`],
    [".bar", colours({ fill: line, stroke: line })],
    [".start", `fill:${line}`],
    [".outline", colours(plain)],
    [".frame", colours({ fill: group, stroke: groupLine })],
    ...Object.entries(statuses).flatMap(([status, look]): Rule[] => [
      [`.${status} .outline`, colours(look)],
      [`.${status} .bar`, `fill:${look.stroke};stroke:${look.stroke}`],
      [`.${status} .frame`, `stroke:${look.stroke}`],
      [`.${status} .sign`, `fill:${look.stroke};stroke:none`],
      [`.${status} .hollow`, `stroke:${look.stroke}`],
      [`.${status} .glyph`, `stroke:${look.fill}`],
    ]),
    [".critical .bar", `stroke:${strong}`],
    [".skipped .name", `fill:${faint}`],
  ];
}

function colours({ fill, stroke }: Look): string {
  return `fill:${fill};stroke:${stroke}`;
}
