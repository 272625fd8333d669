import { trace } from "@opentelemetry/api";
import { describe, expect, it, vi } from "vitest";
import { Dag, decide, Fsm, next, PauseRun, stop, stream, type Context } from "dagwright";
import { otel } from "dagwright/otel";
import { useOpenTelemetry, type SpanFacts } from "../support/traced.js";
import { failure, gate, until } from "../support/waiting.js";

const { exporter, spans, tree, traces } = useOpenTelemetry();
const telemetry = otel();
const tracer = trace.getTracer("user");

/** A span of a user, around `work`. */
const spanOf = <T>(name: string, work: () => T): T =>
  tracer.startActiveSpan(name, (span) => {
    try {
      return work();
    } finally {
      span.end();
    }
  });

const withStatus = ({ name, attributes, failed }: SpanFacts) => {
  const status = ["run", "node", "attempt"].map((level) => attributes[`dagwright.${level}.status`]).find(Boolean);
  return `${name} ${String(status)}${failed ? " !" : ""}`;
};

describe("The spans of a run", () => {
  it("are those of its nodes, and below these those of their attempts, with what users begin inside", async () => {
    const dag = new Dag("etl");
    dag.node("load", () => spanOf("read", () => 1));
    dag.node("clean", { needs: ["load"] }, async (rows: number) => {
      await Promise.resolve();
      return spanOf("write", () => rows);
    });
    await spanOf("request", () => dag.run({ telemetry, runId: "r1" }));
    expect(tree()).toEqual([
      "request",
      "  run etl",
      "    node load",
      "      attempt load",
      "        read",
      "    node clean",
      "      attempt clean",
      "        write",
    ]);
    const [, run, node, attempt] = spans();
    expect(run.attributes).toEqual({
      "dagwright.workflow.name": "etl",
      "dagwright.workflow.kind": "dag",
      "dagwright.run.id": "r1",
      "dagwright.run.status": "completed",
    });
    expect(node.attributes).toMatchObject({ "dagwright.node.name": "load", "dagwright.node.status": "completed" });
    expect(attempt.attributes).toMatchObject({
      "dagwright.attempt.number": 1,
      "dagwright.attempt.status": "completed",
    });
  });

  it("are there for runSync, start, and the runs of a stream", async () => {
    const dag = new Dag("small", { runOptions: { telemetry } });
    dag.node("double", (n = 1) => spanOf("inside", () => (n as number) * 2));
    const once = ["run small", "  node double", "    attempt double", "      inside"];
    dag.runSync();
    expect(tree()).toEqual(once);
    await dag.start().result;
    for await (const item of dag.stream([1, 2], { input: "n" })) expect(item.index).toBeLessThan(2);
    expect(tree()).toEqual([...once, ...once, ...once, ...once]);
    expect(traces()).toBe(4);
  });

  it("have an attempt for each retry, with its error", async () => {
    let calls = 0;
    const dag = new Dag("flaky");
    dag.node("fetch", { retry: { retries: 2, delay: 0 } }, () => {
      if (++calls < 3) throw new TypeError("refused");
    });
    await dag.run({ telemetry });
    expect(tree(withStatus)).toEqual([
      "run flaky completed",
      "  node fetch completed",
      "    attempt fetch failed !",
      "    attempt fetch failed !",
      "    attempt fetch completed",
    ]);
    expect(spans()[2]).toMatchObject({ events: ["exception"], attributes: { "error.type": "TypeError" } });
  });

  it("say what failed, and what was cancelled because of that", async () => {
    const dag = new Dag("failing");
    const { opened, open } = gate();
    dag.node("hangs", () => opened);
    dag.node("bad", async () => {
      await Promise.resolve();
      throw new RangeError("no");
    });
    await failure(dag.run({ telemetry, mode: "async" }));
    open();
    expect(tree(withStatus)).toEqual([
      "run failing failed !",
      "  node hangs cancelled",
      "    attempt hangs cancelled",
      "  node bad failed !",
      "    attempt bad failed !",
    ]);
    expect(spans()[0]).toMatchObject({ events: ["exception"], attributes: { "error.type": "EXECUTION" } });
  });

  it("end when the run is aborted, whatever its functions do", async () => {
    const abort = new AbortController();
    const dag = new Dag("stuck");
    let isCalled = false;
    dag.node("forever", () => {
      isCalled = true;
      return new Promise(() => {});
    });
    const running = failure(dag.run({ telemetry, signal: abort.signal }));
    await until(() => isCalled);
    abort.abort(new Error("enough"));
    await running;
    expect(tree(withStatus)).toEqual([
      "run stuck cancelled",
      "  node forever cancelled",
      "    attempt forever cancelled",
    ]);
  });

  it("of a branch are those of the nodes that it takes", async () => {
    const dag = new Dag("branches");
    dag.condition("isBig", () => decide(false, 1));
    dag.node("big", { needs: ["isBig.true"] }, () => 1);
    dag.node("small", { needs: ["isBig.false"] }, () => 2);
    await dag.run({ telemetry });
    expect(tree()).toEqual(["run branches", "  node isBig", "    attempt isBig", "  node small", "    attempt small"]);
    expect(spans()[0].events).toEqual(["node skipped"]);
  });

  it("of a cached result have no attempt", async () => {
    const dag = new Dag("cached");
    dag.node("slow", { cache: {} }, () => 1);
    await dag.run({ telemetry });
    exporter.reset();
    await dag.run({ telemetry });
    expect(tree()).toEqual(["run cached", "  node slow"]);
    expect(spans()[1].attributes["dagwright.node.cached"]).toBe(true);
  });

  it("of a result that is refreshed in the background are below the run's, also once that is over", async () => {
    const dag = new Dag("cached");
    let age = 0;
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + age);
    const opening = gate();
    let calls = 0;
    dag.node("slow", { cache: { staleAfter: 1, ttl: 1e12 }, retry: { retries: 1, delay: 0 } }, async () => {
      if (++calls === 1) return 1;
      await opening.opened;
      return spanOf("read", () => {
        if (calls === 2) throw new Error("once");
        return 2;
      });
    });
    await dag.run({ telemetry });
    exporter.reset();
    // Just before it would expire, it is refreshed as good as certainly.
    age = 1e12 - 1;
    await dag.run({ telemetry });
    expect(tree()).toEqual(["run cached", "  node slow"]);
    opening.open();
    await until(() => spans().some(({ name }) => name === "refresh slow"));
    expect(tree(withStatus)).toEqual([
      "run cached completed",
      "  refresh slow completed",
      "    attempt slow failed !",
      "      read undefined",
      "    attempt slow completed",
      "      read undefined",
      "  node slow completed",
    ]);
    vi.restoreAllMocks();
  });

  it("of a map have an attempt for each item", async () => {
    const dag = new Dag("mapping");
    dag.node("list", () => ["a", "b"]);
    dag.map("each", { needs: ["list"] }, async (item: string) => {
      await Promise.resolve();
      return spanOf(`do ${item}`, () => item);
    });
    await dag.run({ telemetry, mode: "async" });
    expect(tree().slice(3)).toEqual([
      "  node each",
      "    attempt each",
      "      do a",
      "    attempt each",
      "      do b",
    ]);
    expect(spans().flatMap(({ attributes }) => attributes["dagwright.item.index"] ?? [])).toEqual([0, 1]);
  });

  it("of items that are streamed are part of the attempt, whoever asks for them", async () => {
    const dag = new Dag("streaming");
    dag.node("numbers", async function* () {
      for (let i = 0; i < 2; i++) {
        yield spanOf(`make ${i}`, () => i);
        await Promise.resolve();
      }
    });
    dag.node("sum", { needs: [stream("numbers")] }, async (numbers: AsyncIterable<number>) => {
      let sum = 0;
      for await (const n of numbers) sum += n;
      return spanOf("add up", () => sum);
    });
    await dag.run({ telemetry, mode: "async" });
    const at = (name: string) => {
      const span = spans().find((each) => each.name === name);
      return spans().find(({ spanId }) => spanId === span?.parent)?.name;
    };
    expect([at("make 0"), at("make 1"), at("add up")]).toEqual(["attempt numbers", "attempt numbers", "attempt sum"]);
  });

  it("of runs inside are below the attempt that begins them, or the span that is active there", async () => {
    const inner = new Dag("inner");
    inner.node("deep", () => spanOf("inside", () => 3));
    const dag = new Dag("outer");
    dag.node("check", inner);
    dag.node("calls", { params: ["ctx"] }, async (ctx: Context) => {
      await Promise.resolve();
      return tracer.startActiveSpan("around", async (span) => {
        const { value } = await ctx.run(inner);
        span.end();
        return value;
      });
    });
    await dag.run({ telemetry });
    const run = ["run inner", "  node deep", "    attempt deep", "      inside"];
    expect(tree()).toEqual([
      "run outer",
      "  node check",
      "    attempt check",
      ...run.map((line) => `      ${line}`),
      "  node calls",
      "    attempt calls",
      "      around",
      ...run.map((line) => `        ${line}`),
    ]);
  });

  it("of an fsm are those of its states, one for each cycle", async () => {
    const fsm = new Fsm("turns");
    fsm.state("go", { initial: true, params: [] }, () => spanOf("work", () => next("again", 1)));
    fsm.state("again", { params: ["n"] }, (n: number) => (n < 2 ? next("again", n + 1) : stop(n)));
    await fsm.run({ telemetry });
    expect(tree()).toEqual([
      "run turns",
      "  state go",
      "    attempt go",
      "      work",
      "  state again",
      "    attempt again",
      "  state again",
      "    attempt again",
    ]);
    const cycles = spans().flatMap(({ name, attributes }) =>
      name.startsWith("state") ? attributes["dagwright.cycle"] : [],
    );
    expect(cycles).toEqual([0, 1, 2]);
  });

  it("of a live dag are there for each computation", async () => {
    const dag = new Dag("sheet");
    dag.node("double", { params: ["n"] }, (n: number) => spanOf(`of ${n}`, () => n * 2));
    const live = dag.live({ inputs: { n: 1 }, telemetry });
    await live.settled();
    live.set("n", 2);
    await live.settled();
    await live.close();
    expect(tree()).toEqual([
      "run sheet",
      "  node double",
      "    attempt double",
      "      of 1",
      "  node double",
      "    attempt double",
      "      of 2",
    ]);
  });

  it("of a run that pauses end with it", async () => {
    const dag = new Dag("asking");
    dag.node("ask", () => {
      throw new PauseRun("who?");
    });
    expect((await dag.run({ telemetry })).status).toBe("paused");
    expect(tree(withStatus)).toEqual(["run asking paused", "  node ask paused", "    attempt ask paused"]);
  });
});
