import { describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { timelineSVG, toSVG } from "dagwright/pictures";
import { cpuTime } from "../support/cpu-time.js";
import { drawnIn } from "../support/drawn.js";
import { layered } from "../support/pictured.js";

describe("A picture of many nodes", () => {
  it("takes less than 5 s of 1,000", async () => {
    const run = await layered(1000, 20).run();
    expect(await cpuTime(2, () => toSVG(run))).toBeLessThan(5000);
    const { boxes, lines } = drawnIn(await toSVG(run));
    expect([boxes.length, lines.length]).toEqual([1000, 1960]);
    expect(await cpuTime(2, () => timelineSVG(run))).toBeLessThan(5000);
  });

  it("is drawn by levels of 10,000, in less than 5 s", async () => {
    const run = await layered(10_000, 400).run();
    expect(await cpuTime(2, () => toSVG(run))).toBeLessThan(5000);
    const { root, boxes, groups } = drawnIn(await toSVG(run));
    expect([boxes.length, groups.length]).toEqual([10_000, 25]);
    expect(Number(root.attributes.height)).toBeLessThan(5000);
  });

  it("is drawn by levels if nobody could read it", async () => {
    const wide = drawnIn(await toSVG(layered(600, 300)));
    expect(wide.groups.map(({ name }) => name)).toEqual(["Level 1", "Level 2"]);
    const chain = drawnIn(await toSVG(layered(5000, 1)));
    expect(chain.groups).toHaveLength(200);
    expect(chain.groups[1].name).toBe("Levels 26–50");
    const forced = drawnIn(await toSVG(layered(300, 150), { layout: "graph" }));
    expect([forced.boxes.length, forced.groups.length]).toEqual([300, 0]);
  });

  it("is drawn by levels if there are too many lines", async () => {
    const dag = new Dag<any>("dense");
    for (let i = 0; i < 120; i++) dag.node(`n${i}`, { after: Array.from({ length: i }, (_, k) => `n${k}`) }, () => 1);
    expect(drawnIn(await toSVG(dag)).groups).toHaveLength(120);
  });
});
