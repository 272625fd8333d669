import { describe, expect, it } from "vitest";
import { Dag, Fsm, subworkflow } from "dagwright";
import { toSVG, type PictureOptions } from "dagwright/pictures";
import { boxOf, drawnIn } from "../support/drawn.js";
import { choosing, etl, failing, mapped, nested, recorded, waiting } from "../support/pictured.js";

const draw = async (...args: Parameters<typeof toSVG>) => drawnIn(await toSVG(...args));

describe("A picture of a dag", () => {
  it("has a title, a description, a box for each node and a line for each edge", async () => {
    const dag = etl();
    const { root, title, description, boxes, lines } = await draw(dag);
    expect(root.attributes).toMatchObject({ role: "img", class: "dagwright-light" });
    expect(root.children.slice(0, 2).map(({ name }) => name)).toEqual(["title", "desc"]);
    expect(title).toBe("nightly import");
    expect(description).toBe("dag with 10 nodes and 11 edges.");
    expect(boxes.map(({ name }) => name).sort()).toEqual(Array.from(dag.nodes.keys()).sort());
    expect(lines.map(({ tooltip }) => tooltip).sort()).toEqual(
      [
        "parse needs fetch",
        "isComplete needs parse",
        "enrich needs isComplete.true",
        "enrich needs exchangeRates",
        "requestMissing needs isComplete.false",
        "waitForMissing needs requestMissing",
        "orders needs enrich",
        "orders needs waitForMissing",
        "publish needs orders",
        "notify needs, if there is one, requestMissing",
        "notify waits for publish",
      ].sort(),
    );
  });

  it("names branches, kinds, events and delays", async () => {
    const drawn = await draw(choosing());
    expect(drawn.labels.sort()).toEqual(["1", "2", "de", "else", "en", "if", "then"]);
    expect(boxOf(drawn, "answer").note).toBe("when");
    const waits = await draw(waiting());
    expect(boxOf(waits, "payment").note).toBe("on PAID");
    expect(boxOf(waits, "reminder").note).toBe("after 1 h");
  });

  it("draws optional needs, orders and streams each in its way, and explains them", async () => {
    const { lines, legend } = await draw(etl());
    const classes = (tooltip: string) => lines.find((line) => line.tooltip === tooltip)?.classes;
    expect(classes("notify needs, if there is one, requestMissing")).toEqual(["optional"]);
    expect(classes("notify waits for publish")).toEqual(["after"]);
    expect(classes("parse needs fetch")).toEqual(["plain"]);
    expect(legend).toEqual(["optional", "order only"]);
    const streams = await draw(choosing());
    expect(streams.lines.find(({ tooltip }) => tooltip === "speak streams words")?.classes).toEqual(["stream"]);
  });

  it("is drawn of one that is not valid", async () => {
    const dag = new Dag("d");
    dag.node("a", { needs: ["b"] }, (x: unknown) => x);
    dag.node("b", { needs: ["a"] }, (x: unknown) => x);
    expect((await draw(dag)).boxes).toHaveLength(2);
    expect((await draw(dag, { layout: "levels" })).boxes).toHaveLength(2);
    expect((await draw(new Dag("empty"))).description).toBe("dag with 0 nodes and 0 edges.");
  });

  it("is the same every time", async () => {
    expect(await toSVG(nested(), { depth: 9 })).toBe(await toSVG(nested(), { depth: 9 }));
  });
});

describe("A picture of a run", () => {
  it("shows statuses, times, the path not taken and the critical path", async () => {
    const run = await etl().run({ mode: "async", runId: "r" });
    const drawn = await draw(run);
    const path = run.metrics.criticalPath.nodes;
    expect(path.length).toBeGreaterThan(1);
    for (const { name, classes, note, tooltip } of drawn.boxes) {
      const { status } = run.nodes.get(name)!;
      expect(classes).toEqual(path.includes(name) ? [status, "critical"] : [status]);
      if (status === "skipped") expect(note).toBe("skipped");
      else expect(note).toMatch(/\d m?s|cached/u);
      expect(tooltip).toContain(status);
    }
    const uses = new Map(drawn.lines.map(({ tooltip, classes }) => [tooltip, classes.at(-1)]));
    expect(uses.get("requestMissing needs isComplete.false")).toBe("unused");
    expect(uses.get("orders needs waitForMissing")).toBe("unused");
    const critical = drawn.lines.filter(({ classes }) => classes.includes("critical"));
    expect(critical).toHaveLength(path.length - 1);
    expect(drawn.description).toContain(`Run r: completed in`);
    expect(drawn.description).toContain(`Critical path: ${path.join(" → ")}.`);
    expect(drawn.legend).toEqual(expect.arrayContaining(["completed", "skipped", "critical path", "nothing passed"]));
  });

  it("counts the items of maps, and says why a node failed", async () => {
    const maps = await draw(await mapped().run({ mode: "async" }));
    expect(boxOf(maps, "resize").note).toMatch(/^40 items · 3 failed/u);
    expect(boxOf(maps, "upload").note).toMatch(/^37 items · \d/u);
    const failed = boxOf(await draw(await failing().run()), "upload");
    expect(failed.classes).toEqual(["failed"]);
    expect(failed.note).toMatch(/^failed · .* · 3 attempts$/u);
    expect(failed.tooltip).toContain("the disk is full: 0 bytes left");
  });

  it("may be given as an option of its workflow", async () => {
    const dag = etl();
    const run = await dag.run({ mode: "async" });
    expect(await toSVG(dag, { run })).toBe(await toSVG(run));
  });

  it("may be a recorded one, of which the workflow is not known", { tags: "slow" }, async () => {
    for (const [dag, options] of [
      [mapped(), {}],
      [failing(), {}],
      [choosing(), {}],
      [etl(), {}],
      [nested(), { inputs: { limit: 5 } }],
    ] as const) {
      const details = await recorded(dag, options);
      const known = await draw(dag, { run: details });
      const unknown = await draw(details);
      const sorted = (drawn: typeof known) => ({
        boxes: drawn.boxes.map(({ name, note, classes }) => [name, note, classes]).sort(),
        groups: drawn.groups.map(({ name, classes }) => [name, classes]).sort(),
        lines: drawn.lines.map(({ tooltip, classes }) => JSON.stringify([tooltip, classes])).sort(),
        labels: drawn.labels.sort(),
      });
      expect(sorted(unknown)).toEqual(sorted(known));
      const nodes = unknown.boxes.filter(({ name }) => name !== "");
      expect(nodes.every(({ classes }) => classes.length > 0)).toBe(true);
    }
  });
});

describe("Workflows in nodes", () => {
  it("are groups, to a depth, whose results lead on from the node inside", async () => {
    const levels = await Promise.all([0, 1, Infinity].map((depth) => draw(nested(), { depth })));
    expect(levels.map(({ groups }) => groups.map(({ name }) => name).sort())).toEqual([
      [],
      ["check", "parcel"],
      ["check", "credit", "parcel"],
    ]);
    expect(levels.map(({ labels }) => labels.sort())).toEqual([["verdict"], ["isGood"], []]);
    const paths = [...levels[2].boxes, ...levels[2].groups].flatMap(({ path }) => path ?? []);
    expect(paths).toEqual(
      expect.arrayContaining(["items", "check", "check.credit", "check.credit.score", "parcel.weigh"]),
    );
  });

  it("have the statuses of their runs", async () => {
    const run = await nested().run({ mode: "async", inputs: { limit: 5 } });
    const drawn = await draw(run, { depth: 2 });
    expect(boxOf(drawn, "check").name).toMatch(/^check · \d/u);
    expect(boxOf(drawn, "score").classes).toContain("completed");
    expect(boxOf(drawn, "weigh").note).toBe("2×");
  });

  it("that contain themselves are drawn once", async () => {
    const dag: Dag<any> = new Dag("self");
    dag.node(
      "again",
      subworkflow(() => dag),
    );
    const { groups, boxes } = await draw(dag, { depth: Infinity });
    expect(groups.length + boxes.length).toBeLessThan(4);
  });

  it("may be nested deeply", async () => {
    let inner = new Dag<any>("level 0");
    inner.node("only", () => 1);
    for (let i = 1; i <= 30; i++) {
      const outer = new Dag<any>(`level ${i}`);
      outer.node(`in ${i}`, inner);
      inner = outer;
    }
    expect((await draw(inner, { depth: Infinity })).groups).toHaveLength(30);
  });
});

describe("toSVG", () => {
  it("refuses what is no workflow and no run, and wrong options", async () => {
    const dag = new Dag("d");
    dag.node("a", () => 1);
    const fsm = new Fsm("f");
    fsm.state("s", { initial: true, terminal: true }, () => 1);
    for (const wrong of [undefined, null, "dag", {}, dag.toJSON()]) {
      await expect(toSVG(wrong as never)).rejects.toThrow("A picture needs a dag, an fsm or a run; received");
    }
    const refused: [object, RegExp][] = [
      [{ theme: "sepia" }, /"theme" must be one of "light", "dark", "auto"/u],
      [{ direction: "RL" }, /"direction" must be one of "TB", "LR"/u],
      [{ depth: -1 }, /"depth" must be an integer from 0 up, or Infinity; received -1/u],
      [{ layout: "circle" }, /"layout" must be one of "graph", "levels"/u],
      [{ runn: 1 }, /Unknown option "runn" of a picture. Did you mean "run"\?/u],
      [{ run: dag }, /"run" must be the result of a run, or what store.getRun gives/u],
      [{ run: await fsm.run() }, /"run" must be a run of the dag; received one of a fsm/u],
    ];
    for (const [options, message] of refused) {
      await expect(toSVG(dag, options as PictureOptions)).rejects.toThrow(message);
    }
  });
});
