import { describe, expect, it } from "vitest";
import { Dag, Fsm, stop } from "dagwright";
import { sqliteStore, type RunDetails } from "dagwright/store";
import { timelineSVG, toSVG } from "dagwright/pictures";
import { timeAxis } from "../../lib/pictures/time-axis.js";
import { drawnIn } from "../support/drawn.js";
import { etl, failing, machine, mapped, recorded, resumed } from "../support/pictured.js";
import { parseXml, withClass, type Element } from "../support/xml.js";

function shownIn(svg: string) {
  const root = parseXml(svg);
  const number = ({ attributes }: Element, name: string) => Number(attributes[name]);
  const bars = withClass(root, "bar").filter(({ attributes }) => attributes.height === "14");
  const tooltips = withClass(root, "wait").concat(withClass(root, "retry"), withClass(root, "pause"));
  return {
    root,
    workers: withClass(root, "heading").map(({ text }) => text),
    names: withClass(root, "name").map(({ text }) => text),
    bars: bars.map((bar) => ({ left: number(bar, "x"), right: number(bar, "x") + number(bar, "width") })),
    gaps: tooltips.length,
    tooltips: Array.from(svg.matchAll(/<title>([^<]*)<\/title>/gu), ([, text]) => text),
    marks: withClass(root, "label").map(({ text }) => text),
    legend: withClass(root, "legend").map(({ text }) => text),
    description: drawnIn(svg).description,
  };
}

/** A recorded run with these attempts, in ms since its start. */
async function withAttempts(
  list: readonly [node: string, worker: string, start: number, end: number | undefined, status?: string][],
): Promise<RunDetails> {
  const details = await recorded(failing());
  const attempts = list.map(([node, worker, start, end, status = "completed"], i) => ({
    ...details.attempts[0],
    ...{ node, worker, status: status as "completed", attempt: i + 1 },
    startedAt: details.createdAt + start,
    finishedAt: end === undefined ? undefined : details.createdAt + end,
  }));
  const nodes = new Map(Array.from(details.nodes, ([name, node]) => [name, { ...node, finishedAt: undefined }]));
  return { ...details, attempts, nodes, finishedAt: undefined };
}

describe("A timeline", () => {
  it("shows when each node of a run ran, in the order in which they started", async () => {
    const run = await etl().run({ mode: "async" });
    const { names, bars, workers, description } = shownIn(timelineSVG(run));
    expect(workers).toEqual(["inline"]);
    expect(names).toEqual(run.timeline().map(({ node }) => node));
    expect(bars).toHaveLength(names.length);
    const [at, done] = [names.indexOf("parse"), names.indexOf("fetch")];
    expect(bars[at].left).toBeGreaterThanOrEqual(bars[done].right - 2.5);
    expect(description).toContain("fetch ");
  });

  it("shows each attempt of a recorded run, with what it failed with, and the waits between", async () => {
    const { names, bars, legend, tooltips } = shownIn(timelineSVG(await recorded(failing())));
    expect(names).toEqual(expect.arrayContaining(["snapshot", "compress", "upload", "checksum", "report"]));
    expect(names).not.toContain("verify");
    expect(bars).toHaveLength(7);
    expect(legend).toEqual(expect.arrayContaining(["completed", "failed", "retry"]));
    expect(
      tooltips.filter((text) => text.startsWith("upload\nfailed") && text.includes("the disk is full")),
    ).toHaveLength(3);
  });

  it("groups them by worker", async () => {
    const details = await withAttempts([
      ["snapshot", "one", 0, 10],
      ["upload", "one", 10, 20, "failed"],
      ["checksum", "two", 10, 30],
      ["upload", "two", 40, undefined, "running"],
    ]);
    const { workers, names, bars } = shownIn(timelineSVG(details));
    expect(workers).toEqual(["one", "two"]);
    expect(names).toEqual(["snapshot", "upload", "checksum", "upload"]);
    expect(bars.map(({ left }) => left)).toEqual(bars.map(({ left }) => left).sort((a, b) => a - b));
  });

  it("shows waits for a free worker, and rests", async () => {
    const waited = await withAttempts([
      ["snapshot", "one", 0, 10],
      ["compress", "one", 50, 60],
    ]);
    expect(shownIn(timelineSVG(waited)).tooltips).toContain("compress\nready, and waits · 40 ms");
    const { legend, tooltips } = shownIn(timelineSVG(await resumed()));
    expect(legend).toEqual(expect.arrayContaining(["paused", "at rest"]));
    expect(tooltips.some((text) => /^approve\nat rest · /u.test(text))).toBe(true);
  });

  it("breaks the axis where nothing happened for long", async () => {
    const day = 86_400_000;
    const details = await withAttempts([
      ["snapshot", "one", 0, 40, "paused"],
      ["snapshot", "one", day, day + 60],
    ]);
    const { bars, marks, root } = shownIn(timelineSVG(details));
    expect(withClass(root, "break")).toHaveLength(1);
    expect(marks).toContain("1 d");
    expect(bars[1].right - bars[1].left).toBeCloseTo(1.5 * (bars[0].right - bars[0].left), 0);
  });

  it("shows the cycles of a recorded fsm, and refuses the result of one, which has no times", async () => {
    const { names, bars } = shownIn(timelineSVG(await recorded(machine())));
    expect(names).toEqual(["created", "paid", "packed", "shipped", "delivered"]);
    expect(bars).toHaveLength(7);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true }, () => stop());
    const run = await fsm.run({ runId: "r" });
    expect(() => timelineSVG(run)).toThrow('has no times. Record the run, and pass what store.getRun("r") gives');
  });

  it("leaves out items when there are too many", async () => {
    const svg = timelineSVG(await recorded(mapped()));
    expect(shownIn(svg).names).toEqual(["list", "download", "resize", "upload", "index"]);
    expect(svg).toContain("without 117 attempts of items");
    const few = new Dag<any>("few");
    few.map("each", (list: number) => list);
    const details = await recorded(few, { inputs: { list: [1, 2] } });
    expect(shownIn(timelineSVG(details)).names.sort()).toEqual(["each", "each[0]", "each[1]"]);
  });

  it("is drawn of a run of which nothing ran", async () => {
    await using store = sqliteStore(":memory:");
    const dag = new Dag("empty");
    await dag.run({ store, runId: "r" });
    expect(shownIn(timelineSVG((await store.getRun("r")) as RunDetails)).bars).toEqual([]);
  });

  it("refuses what is no run, and unknown options", async () => {
    const dag = etl();
    for (const wrong of [undefined, "run", {}, dag]) {
      expect(() => timelineSVG(wrong as never)).toThrow(
        "A timeline needs a run: its result, or what store.getRun gives",
      );
    }
    const run = await dag.run({ mode: "async" });
    expect(() => timelineSVG(run, { theme: "blue" } as never)).toThrow(/"theme" must be one of/u);
    expect(() => timelineSVG(run, { depth: 1 } as never)).toThrow('Unknown option "depth" of a timeline');
    expect((await toSVG(run)).length).toBeGreaterThan(1000);
  });
});

describe("The axis of a timeline", () => {
  it("draws all periods to one scale, and no shorter mark than there is space for", () => {
    const { at, step, stretches } = timeAxis([{ start: 0, end: 100 }], 100, 1000);
    expect([at(0), at(50), at(100), step]).toEqual([0, 500, 1000, 10]);
    expect(stretches).toHaveLength(1);
    expect(timeAxis([{ start: 0, end: 90_000 }], 90_000, 720).step).toBe(10_000);
    expect(timeAxis([], 0, 720).at(0)).toBe(0);
  });
});
