import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { timelineSVG, toPNG, toSVG } from "dagwright/pictures";
import { drawnIn, overlap } from "../support/drawn.js";
import { PICTURED, TIMELINES } from "../support/pictured.js";

/** Where the pictures are, to be looked at. */
const FOLDER = fileURLToPath(new URL("../output/pictures/", import.meta.url));

/** The size of a PNG image. */
function sizeOf(png: Uint8Array): number[] {
  const { buffer, byteOffset } = png;
  const view = new DataView(buffer, byteOffset);
  expect(view.getUint32(0)).toBe(0x89504e47);
  return [view.getUint32(16), view.getUint32(20)];
}

beforeAll(() => void mkdirSync(FOLDER, { recursive: true }));

describe("A picture in the gallery", () => {
  for (const [name, picture] of Object.entries(PICTURED)) {
    it(`shows ${name} without boxes that overlap, and the same as PNG`, async () => {
      const { drawable, options } = await picture();
      const svg = await toSVG(drawable, { ...options, theme: "auto" });
      writeFileSync(`${FOLDER}${name}.svg`, svg);
      const { root, boxes, groups } = drawnIn(svg);
      expect(boxes.length + groups.length).toBeGreaterThan(0);
      if (boxes.length < 100) {
        boxes.forEach(({ bounds }, i) => {
          expect(boxes.slice(i + 1).filter((other) => overlap(bounds, other.bounds))).toEqual([]);
        });
      }
      const scale = boxes.length > 500 ? 1 : 2;
      const sizes = [root.attributes.width, root.attributes.height].map((text) => Number(text) * scale);
      for (const theme of ["light", "dark"] as const) {
        const png = await toPNG(drawable, { ...options, theme, scale });
        writeFileSync(`${FOLDER}${name}-${theme}.png`, png);
        expect(sizeOf(png)).toEqual(sizes);
      }
    });
  }

  for (const [name, run] of Object.entries(TIMELINES)) {
    it(`shows the times of ${name}`, async () => {
      const svg = timelineSVG(await run(), { theme: "auto" });
      writeFileSync(`${FOLDER}timeline-${name}.svg`, svg);
      expect(drawnIn(svg).title).not.toBe("");
    });
  }
});
