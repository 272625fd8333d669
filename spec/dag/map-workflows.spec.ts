import { describe, expect, it } from "vitest";
import {
  cases,
  Dag,
  Fsm,
  map,
  node,
  PauseRun,
  route,
  state,
  stop,
  subworkflow,
  switchOn,
  ValidationError,
  type Context,
  type RunEvent,
} from "dagwright";
import { meeting } from "../support/meeting.js";
import { failure, gate, sleep } from "../support/waiting.js";

class Report {
  @node load(region: string) {
    if (region === "xx") throw new Error("no region xx");
    return region.toUpperCase();
  }
  @node summary(load: string, year = 2000) {
    return `${load} ${year}`;
  }
  @node chart(load: string) {
    return load.length;
  }
}

class Regions {
  @node regions() {
    return ["n", "s"];
  }
  @map("regions") report = subworkflow(Report, { output: "summary" });
  @node count(report: string[]) {
    return report.length;
  }
}

describe("A map of workflows", () => {
  const modes = [
    {},
    { mode: "async" },
    { mode: "async", concurrency: 1 },
    { mode: "async", concurrency: 1, executor: "level" },
  ] as const;

  it("runs the workflow for each item", async () => {
    for (const options of modes) {
      const run = await Dag.from(Regions).run({ ...options, runId: "r", inputs: { year: 7 } } as never);
      expect(run.get("report")).toEqual(["N 7", "S 7"]);
      expect(run.get("report[1].load")).toBe("S");
      expect(run.child("report", 0)?.runId).toBe("r/report[0]");
      expect(run.get("count")).toBe(2);
    }
    expect(Dag.from(Regions).runSync().get("report")).toEqual(["N 2000", "S 2000"]);
  });

  it("may say that it is one, for the types, in a field with @map only", async () => {
    class Typed {
      @node regions() {
        return ["north", "south"];
      }
      @map("regions") report = subworkflow(Report, { output: "summary", each: "item" });
      @node("report") read(report: string[]) {
        return report.length;
      }
    }
    const run = await Dag.from(Typed).run();
    const report: string[] = run.get("report");
    expect([report.length, run.get("read")]).toEqual([2, 2]);

    const each = subworkflow(Report, { each: "item" });
    class Once {
      @node once = each;
    }
    class Machine {
      @state({ initial: true, terminal: true }) once = each;
    }
    const dag = new Dag<any>("d");
    dag.node("plain", () => 1);
    const refused: readonly (readonly [string, () => unknown])[] = [
      ['Node "once"', () => Dag.from(Once)],
      ['State "once"', () => Fsm.from(Machine)],
      ['Node "built"', () => dag.node("built", each)],
      ['Map "built"', () => dag.map("built", { needs: ["plain"] }, each)],
      ['Node "plain"', () => dag.replaceNode("plain", each)],
      ['State "built"', () => new Fsm("f").state("built", each)],
      ['The case "a" of cases', () => cases({ a: each })],
    ];
    for (const [label, define] of refused) {
      const message = `${label} has a subworkflow with the option "each", which is for a field with @map. Leave it out.`;
      expect(define).toThrow(new ValidationError(message));
    }
    expect(() => subworkflow(Report, { each: "items" as "item" })).toThrow(/"each" must be/u);
  });

  it("names its children by the keys of the collection, which stay apart", async () => {
    const dag = new Dag<any>("keyed");
    const keys: unknown[] = ["a", 1, "1", {}, "1#2"];
    dag.node("regions", () => new Map(keys.map((key, i) => [key, `v${i}`])));
    dag.map("report", { needs: ["regions"] }, subworkflow(Report, { output: "load" }));
    const run = await dag.run({ mode: "async" });
    expect(run.get("report")).toEqual(new Map(keys.map((key, i) => [key, `V${i}`])));
    const ids = ["a", "1", '"1"', "#3", "1#2"];
    expect(ids.map((id) => run.get(`report[${id}].load`))).toEqual(["V0", "V1", "V2", "V3", "V4"]);
    expect([1, "1"].map((key) => run.child("report", key)?.get("load"))).toEqual(["V1", "V2"]);
  });

  it("puts keys in quotes that a path would not tell apart", async () => {
    const keys = ["a", "a].b", "a].load", "a.b", "[", "]", '"', "'", "1", "#0", "", ".", "load", "__proto__"];
    const record = Object.fromEntries(keys.map((key) => [key, key]));
    Object.defineProperty(record, "__proto__", { value: "__proto__", enumerable: true });
    const dag = new Dag<any>("keyed");
    dag.node("regions", () => record);
    dag.map("report", { needs: ["regions"] }, subworkflow(Report, { output: "load" }));
    dag.node("calls", async (ctx: Context) => {
      for (const key of keys) await ctx.run(Report, { key, inputs: { region: key } });
    });
    const run = await dag.run({ mode: "async" });
    expect(Object.keys(run.get("report"))).toEqual(Object.keys(record));
    for (const node of ["report", "calls"]) {
      const quoted = ["a].b", "a].load", '"'];
      for (const key of keys) {
        const id = quoted.includes(key) ? JSON.stringify(key) : key;
        expect(run.get(`${node}[${id}].load`)).toBe(key.toUpperCase());
        expect(run.child(node, key)?.get("load")).toBe(key.toUpperCase());
      }
    }
  });

  it("tells the whole way of an error", async () => {
    const dag = new Dag<any>("orders");
    dag.node("regions", () => ["n", "xx"]);
    dag.map("report", { needs: ["regions"] }, Report);
    const error = await failure(dag.run());
    expect(error.path).toEqual(["report[1]", "load"]);
    expect(error.message).toContain("orders › report[1] › load failed: no region xx");
  });

  it("nests", async () => {
    const rows = new Dag<any>("rows");
    rows.map("doubled", (row: number) => row * 2);
    const table = new Dag<any>("table");
    table.node("rows", () => [[1, 2], [], [3]]);
    table.map("mapped", { needs: ["rows"] }, rows);
    for (const options of modes) {
      const run = await table.run(options);
      expect(run.get("mapped")).toEqual([[2, 4], [], [6]]);
      expect(run.get("mapped[2].doubled")).toEqual([6]);
    }
  });

  it("may be of an fsm", async () => {
    const fsm = new Fsm<any>("count");
    fsm.state("start", { initial: true, terminal: true }, (from: number) => stop(from + 1));
    const dag = new Dag<any>("machines");
    dag.node("list", () => [1, 2]);
    dag.map("machine", { needs: ["list"] }, fsm as never);
    const run = await dag.run();
    expect(run.get("machine")).toEqual([2, 3]);
    expect(run.get("machine[1].start.0")).toBe(3);
  });

  it("starts only as many children as the run has slots", async () => {
    const { seen, attend } = meeting(3);
    const inner = new Dag<any>("inner");
    inner.node("work", (item: number) => attend(item));
    const dag = new Dag<any>("outer");
    dag.node("list", () => Array.from({ length: 12 }, (_, i) => i));
    dag.map("m", { needs: ["list"] }, inner);
    await dag.run({ mode: "async", concurrency: 3 });
    expect(seen.most).toBe(3);
  });

  it("sends the events of its children, with their parent", async () => {
    const events: RunEvent[] = [];
    await Dag.from(Regions).run({ runId: "r", observers: [(event) => events.push(event)] });
    const started = events.filter(({ type }) => type === "run.started");
    expect(started.map(({ runId }) => runId)).toEqual(["r", "r/report[0]", "r/report[1]"]);
    expect(started[1]).toMatchObject({ parent: { runId: "r", node: "report" } });
  });

  it("gives properties of its result to other nodes", async () => {
    const inner = new Dag<any>("inner");
    inner.node("summary", (item: number) => item * 10);
    const dag = new Dag<any>("outer");
    dag.node("list", () => ({ eu: 1, us: 2 }));
    dag.map("m", { needs: ["list"] }, inner);
    dag.node("eu", { needs: ["m.eu"] }, (eu: number) => eu + 1);
    expect((await dag.run()).get("eu")).toBe(11);
    dag.node("none", { needs: ["m.summary"] }, (summary: unknown) => summary);
    expect((await failure(dag.run())).message).toMatch(
      /"none" needs "m\.summary", but the result of "m" has only: eu, us/u,
    );
    const outer = new Dag<any>("outermost");
    outer.node("maps", dag);
    outer.node("deep", { needs: ["maps.m.summary"] }, (summary: unknown) => summary);
    expect((await failure(outer.run())).message).toContain('"m" is no workflow, so it has no "summary"');
  });

  it("pauses in several items at once", async () => {
    const inner = new Dag<any>("inner");
    let started = 0;
    const { opened, open } = gate();
    inner.node("approve", async (item: number) => {
      if (++started === 3) open();
      await opened;
      if (item > 1) throw new PauseRun(`approve ${item}`);
      return item;
    });
    const dag = new Dag<any>("outer");
    dag.node("list", () => [1, 2, 3]);
    dag.map("m", { needs: ["list"] }, inner);
    const run = await dag.run({ mode: "async" });
    expect(run.pauses.map(({ node, reason }) => [node, reason])).toEqual([
      ["m[1].approve", "approve 2"],
      ["m[2].approve", "approve 3"],
    ]);
  });

  it("lets items begin runs, without holding their slots", async () => {
    const inner = new Dag<any>("inner");
    inner.node("x", async (v: number) => (await sleep(1), v + 1));
    const dag = new Dag<any>("outer");
    dag.node("list", () => [1, 2, 3]);
    dag.map(
      "m",
      { needs: ["list"] },
      async (item: number, ctx: Context) => (await ctx.run(inner, { inputs: { v: item } })).value,
    );
    for (const options of modes) {
      const run = await dag.run({ ...options, runId: "r" });
      expect(run.get("m")).toEqual([2, 3, 4]);
      expect(run.child("m[1]", 0)?.runId).toBe("r/m[1][0]");
    }
  });
});

class Outbox {
  readonly by = "mule";
  @node list() {
    return [route("email", "a"), route("post", "b"), route("fax", "c")];
  }
  @node pick() {
    return route("post", "z");
  }
  mail(text: string) {
    return `mail ${text} by ${this.by}`;
  }
  @map("list", { onItemError: "skip" }) sent = cases({
    // eslint-disable-next-line @typescript-eslint/unbound-method -- cases are called with the instance as this
    email: Outbox.prototype.mail,
    post: subworkflow(Report, { output: "load" }),
  });
  @switchOn("pick") delivered = cases({
    // eslint-disable-next-line @typescript-eslint/unbound-method -- cases are called with the instance as this
    email: Outbox.prototype.mail,
    post: subworkflow(Report, { output: "load" }),
  });
  @node after(delivered: string) {
    return `${delivered}!`;
  }
}

describe("Cases", () => {
  it("send the items of a map on by their labels: to methods, and to workflows", async () => {
    for (const options of [{}, { mode: "async" }, { mode: "async", concurrency: 1 }] as const) {
      const run = await Dag.from(Outbox).run({ ...options, runId: "r" });
      expect(run.get("sent")).toEqual(["mail a by mule", "B"]);
      expect(run.get("sent[1].chart")).toBe(1);
      expect(run.child("sent", 1)?.runId).toBe("r/sent[1]");
      const [error] = run.nodes.get("sent")?.errors ?? [];
      expect(error.message).toContain('no case "fax"; the cases are "email", "post"');
      expect(error.item).toBe("sent[2]");
    }
  });

  it("of a switch may be workflows, which take the place of the node", async () => {
    const run = await Dag.from(Outbox).run({ mode: "async", concurrency: 1, runId: "r" });
    expect(run.get("delivered")).toBe("Z");
    expect(run.get("delivered.chart")).toBe(1);
    expect(run.child("delivered")?.runId).toBe("r/delivered");
    expect(run.get("after")).toBe("Z!");
  });

  it("take the place of the function in the builder, with further needs and a default", async () => {
    const dag = new Dag<any>("builder");
    dag.node("list", () => ({ x: route("up", 1), y: route("other", 2) }));
    dag.node("by", () => 10);
    dag.map(
      "out",
      { needs: ["list", "by"] },
      {
        cases: {
          up: (value: number, by: number) => value + by,
          default: (value: number, _: number, ctx: Context) => [value, ctx.item?.key],
        },
      },
    );
    expect((await dag.run()).get("out")).toEqual({ x: 11, y: [2, "y"] });
  });

  it("are checked when they are defined", () => {
    const dag = new Dag<any>("checked");
    expect(() => dag.map("m", { needs: ["list"] }, { cases: { a: 1 } as never })).toThrow(
      /case "a" of map "m" must be a function or a workflow/u,
    );
    expect(() => dag.map("m", { needs: ["list"] }, { cases: {} })).toThrow(/map "m" takes at least one case/u);
  });

  it("fail an item that is no route", async () => {
    const dag = new Dag<any>("plain");
    dag.node("list", () => [1]);
    dag.map("m", { needs: ["list"] }, { cases: { default: (value: number) => value } });
    expect((await failure(dag.run())).message).toContain("takes route(label, value); received 1");
  });
});
