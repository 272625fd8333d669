import type { Heading } from "./heading.js";
import { px } from "./shapes.js";
import { rootClass, styleOf, type Theme } from "./style.js";
import { BOLD, cut, widthOf, xmlText } from "./text.js";

const TITLE_SIZE = 17;
const SUBTITLE_SIZE = 12;
const MARGIN = 24;
const HEADING = 56;
const GAP = 16;
const MIN_WIDTH = 320;
const MAX_HEADING = 900;

/** What a picture consists of, besides its heading. */
export interface Content {
  readonly width: number;
  readonly height: number;
  readonly svg: string;
  /** Of a width. */
  readonly legend: (width: number) => { readonly svg: string; readonly height: number };
}

/** A whole picture, and its size in pixels. */
export interface Page {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

/** A whole picture, with its heading, its legend and what screen readers read. */
export function page({ title, subtitle, description }: Heading, content: Content, theme: Theme): Page {
  const name = cut(title, TITLE_SIZE, MAX_HEADING);
  const beside = cut(subtitle, SUBTITLE_SIZE, MAX_HEADING);
  const inner = Math.max(content.width, widthOf(name, TITLE_SIZE) * BOLD, widthOf(beside, SUBTITLE_SIZE), MIN_WIDTH);
  const legend = content.legend(inner);
  const below = legend.height === 0 ? 0 : GAP + legend.height;
  const [width, height] = [Math.ceil(inner + 2 * MARGIN), Math.ceil(HEADING + content.height + below + 2 * MARGIN)];
  const top = MARGIN + HEADING;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="${rootClass(theme)}" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${xmlText(title)}</title>`,
    `<desc>${xmlText(description)}</desc>`,
    `<style>${styleOf(theme)}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN}" y="${MARGIN + 14}">${xmlText(name)}</text>`,
    `<text class="subtitle" x="${MARGIN}" y="${MARGIN + 34}">${xmlText(beside)}</text>`,
    `<g transform="translate(${px(MARGIN + (inner - content.width) / 2)} ${top})">`,
    content.svg,
    `</g>`,
    `<g transform="translate(${MARGIN} ${px(top + content.height + GAP)})">${legend.svg}</g>`,
    `</svg>\n`,
  ];
  return { svg: parts.join("\n"), width, height };
}
