import type { Resvg as Painter } from "@resvg/resvg-js";
import { messageOf } from "../base/message.js";
import type { Page } from "./page.js";

type Painters = { readonly Resvg: typeof Painter };

const DEFAULT_SCALE = 2;
/** How many pixels an image has at most, each of which takes four bytes while it is painted. */
const MAX_PIXELS = 100_000_000;

/**
 * Paints a picture. Blocks its thread while it does.
 * @param scale - pixels of the image a pixel of the picture; by default as many as an image may have, up to two
 * @throws {RangeError} when the image would be too large, {Error} when the package @resvg/resvg-js, an optional peer dependency, is not installed, or finds no font
 */
export async function paint({ svg, width, height }: Page, scale: number | undefined): Promise<Uint8Array> {
  const largest = Math.sqrt(MAX_PIXELS / (width * height));
  if (scale !== undefined && scale > largest) {
    const most = Math.floor(largest * 100) / 100;
    throw new RangeError(
      `"scale" must be at most ${most} for this picture of ${width} × ${height}; received ${scale}.`,
    );
  }
  const { Resvg } = await painters();
  const font = { loadSystemFonts: true, defaultFontFamily: (family ??= installedFamily(Resvg)) };
  return new Resvg(svg, { fitTo: { mode: "zoom", value: scale ?? Math.min(DEFAULT_SCALE, largest) }, font })
    .render()
    .asPng();
}

async function painters(): Promise<Painters> {
  let loaded: Painters | { readonly default: Painters };
  try {
    loaded = await import("@resvg/resvg-js");
  } catch (cause) {
    const message = `PNG pictures need the package @resvg/resvg-js, which can't be loaded: ${messageOf(cause)}. Run "npm install @resvg/resvg-js".`;
    throw new Error(message, { cause });
  }
  return "Resvg" in loaded ? loaded : loaded.default;
}

/** Resvg asks for the first family of a list only, and takes any font if that is missing. */
const FAMILIES = [
  "Segoe UI",
  "Helvetica Neue",
  "Noto Sans",
  "Roboto",
  "DejaVu Sans",
  "Liberation Sans",
  "Arial",
  "Helvetica",
];

/** Found once for each process. */
let family: string | undefined;

/** The first family that is installed. Resvg does not tell which are, but texts in a missing one are all the same. */
function installedFamily(Resvg: Painters["Resvg"]): string {
  const widthIn = (name: string) => {
    const text = `<svg xmlns="http://www.w3.org/2000/svg"><text font-family="${name}" font-size="100">Hxm7</text></svg>`;
    return new Resvg(text, { font: { loadSystemFonts: true } }).getBBox()?.width;
  };
  const missing = widthIn("a family that is not installed");
  if (missing === undefined) {
    throw new Error(
      "PNG pictures need a font, and the system has none. Install one, such as the package fonts-dejavu-core.",
    );
  }
  return FAMILIES.find((name) => widthIn(name) !== missing) ?? "sans-serif";
}
