import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, stop } from "dagwright";
import { timelineSVG, toPNG, toSVG } from "dagwright/pictures";
import { boxOf, drawnIn } from "../support/drawn.js";
import { elements } from "../support/xml.js";
import { HOSTILE, hostilelyNamed } from "../support/pictured.js";

/** What XML can't hold, and what changes the direction of other texts. */
// eslint-disable-next-line no-control-regex
const REPLACED = /[\0\u0007\u202c\u202e]|\p{Surrogate}/gu;
const printed = (name: string) => name.replace(REPLACED, "\ufffd").replace(/\r\n/gu, "\n");

const ELEMENTS = ["svg", "title", "desc", "style", "rect", "text", "g", "path", "circle", "polygon"];

describe("Names, whatever they hold,", () => {
  it("stay texts in pictures, and are whole in tooltips", { tags: "slow" }, async () => {
    const run = await hostilelyNamed().run({ runId: `"><script>` });
    for (const svg of [
      await toSVG(hostilelyNamed()),
      await toSVG(run),
      await toSVG(run, { layout: "levels", theme: "auto" }),
    ]) {
      const drawn = drawnIn(svg);
      for (const { name, attributes } of elements(drawn.root)) {
        expect(ELEMENTS).toContain(name);
        expect(Object.keys(attributes).filter((attribute) => /^on|href/u.test(attribute))).toEqual([]);
      }
      expect(drawn.boxes.map(({ path }) => path).sort()).toEqual(
        HOSTILE.map((name) => name.replace(REPLACED, "\ufffd")).sort(),
      );
      const tooltips = drawn.boxes.map(({ tooltip }) => tooltip.replace(/\r\n/gu, "\n"));
      for (const name of HOSTILE) expect(tooltips.some((tooltip) => tooltip.startsWith(printed(name)))).toBe(true);
    }
    expect(drawnIn(timelineSVG(run)).title).toBe(`<b>&"names"</b> ]]>`);
    expect((await toPNG(run, { scale: 0.5 })).length).toBeGreaterThan(1000);
  });

  it("are cut between characters, however these are composed", async () => {
    const dag = new Dag("d");
    const family = "👩‍👩‍👧‍👦";
    dag.node(family.repeat(100), () => 1);
    dag.node("x".repeat(10_000), () => 1);
    const { boxes } = drawnIn(await toSVG(dag));
    expect(boxes.map(({ name }) => name)).toEqual([
      expect.stringMatching(new RegExp(`^(${family})+ (${family})+…$`, "u")),
      expect.stringMatching(/^x+ x+…$/u),
    ]);
    expect(boxes[1].tooltip.split("\n")[0]).toHaveLength(10_000);
    for (const { bounds } of boxes) expect(bounds.right - bounds.left).toBeLessThan(240);
  });

  it("are broken between their parts", async () => {
    const dag = new Dag("d");
    dag.node("loadAllOrdersOfTheDayBeforeYesterday", () => 1);
    dag.node("load_all_orders_of_the_day_before_yesterday", () => 1);
    expect(drawnIn(await toSVG(dag)).boxes.map(({ name }) => name)).toEqual([
      "loadAllOrdersOfTheDay BeforeYesterday",
      "load_all_orders_of_the_day_ before_yesterday",
    ]);
  });

  it("are also those of states, events, branches and workflows", async () => {
    const evil = `</text><script>"&'`;
    const inner = new Dag<any>(evil);
    inner.condition(evil, () => true);
    inner.node("x", { needs: [`${evil}.true`] }, () => 1);
    const outer = new Dag<any>("outer");
    outer.node(`in ${evil}`, inner);
    outer.event(`e ${evil}`, { event: evil });
    expect(boxOf(drawnIn(await toSVG(outer)), `in ${evil}`).name).toBe(`in ${evil}`);
    const fsm = new Fsm<any>(evil);
    fsm.state(evil, { initial: true }, () => next("end"));
    fsm.state("end", { terminal: true }, () => stop());
    expect(boxOf(drawnIn(await toSVG(await fsm.run())), evil).note).toBe("1×");
  });
});
