import { describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { toPNG, toSVG } from "dagwright/pictures";
import { drawnIn } from "../support/drawn.js";

/** The width and height of a PNG image. */
function sizeOf(png: Uint8Array): number[] {
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}

/** A picture about 13,000 pixels wide. */
function wide(): Dag<any> {
  const dag = new Dag<any>("wide");
  for (let i = 0; i < 130; i++) dag.node(`n${i}`, () => 1);
  for (let i = 0; i < 50; i++) dag.node(`m${i}`, { after: [i === 0 ? "n0" : `m${i - 1}`] }, () => 1);
  return dag;
}

describe("toPNG", () => {
  it("paints the picture of toSVG, two pixels for one unless it is told otherwise", async () => {
    const dag = new Dag<any>("d");
    dag.node("a", () => 1);
    const { width, height } = drawnIn(await toSVG(dag)).root.attributes;
    expect(sizeOf(await toPNG(dag))).toEqual([2 * Number(width), 2 * Number(height)]);
    expect(sizeOf(await toPNG(dag, { scale: 1 }))).toEqual([Number(width), Number(height)]);
    for (const scale of [0, 9, Number.NaN, "2"]) {
      await expect(toPNG(dag, { scale: scale as number })).rejects.toThrow(/"scale" must be a number from 0.1 to 8/u);
    }
    await expect(toPNG(dag, { theme: "auto" as never })).rejects.toThrow(/"theme" must be one of "light", "dark"/u);
  });

  it("makes no image that is too large", async () => {
    await expect(toPNG(wide(), { scale: 4 })).rejects.toThrow(
      /^"scale" must be at most 1\.\d\d? for this picture of \d+ × \d+; received 4\.$/u,
    );
  });
});
