import { expect, it } from "vitest";
import { toSVG } from "dagwright/pictures";
import { drawnIn, overlap } from "../support/drawn.js";
import { randomWorkflow } from "../support/random-nested.js";

it("Pictures of random workflows in workflows have all boxes, none upon another", async () => {
  let seed = 20_261_126;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let i = 0; i < 60; i++) {
    const workflow = randomWorkflow(random, 3);
    const svg = await toSVG(workflow, { depth: Infinity, direction: i % 2 === 0 ? "TB" : "LR" });
    expect(svg).not.toMatch(/NaN|undefined|Infinity/u);
    const { boxes, groups } = drawnIn(svg);
    expect(boxes.length + groups.length).toBeGreaterThanOrEqual(workflow.graph.nodes.length);
    boxes.forEach(({ bounds }, k) => {
      expect(boxes.slice(k + 1).filter((other) => overlap(bounds, other.bounds))).toEqual([]);
    });
  }
});
