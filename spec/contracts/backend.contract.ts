import { describe, expect, it } from "vitest";
import {
  ExecutionError,
  NodeTimeoutError,
  type Dag,
  type NodeHooks,
  type RunEvent,
  type RunOptions,
  type RunResult,
} from "dagwright";
import { LazyAbort } from "../../lib/base/abort.js";
import type { Backend, BackendCall } from "../../lib/backends/backend.js";
import { contexts, control, failing, marked, misused, plain } from "../support/threaded.js";
import { sleep } from "../support/waiting.js";
import { wide, newBoard, newGauge } from "../support/wide.js";

const ignore = () => {};

function callOf(dag: Dag, node: string, ...args: unknown[]): BackendCall {
  const spec = dag.nodes.get(node) as BackendCall["spec"];
  return { spec, args, ctx: {} as never, site: { runId: "r", node }, needs: [], takeBuffers: () => [] };
}

/**
 * What holds for a node wherever it runs.
 * @param options - of runs whose nodes run there
 * @param backendOf - the backend by itself, for the nodes of one dag
 */
export function backendContract(backend: string, options: RunOptions, backendOf: (dag: Dag) => Backend): void {
  describe(`The backend ${backend} by itself`, () => {
    const execute = async (dag: Dag, node: string, ...args: unknown[]) =>
      backendOf(dag).execute(callOf(dag, node, ...args), new LazyAbort(), ignore);

    it("has a name, and a limit of at least one", () => {
      expect(backendOf(plain).name).toBe(backend);
      expect(backendOf(plain).limit).toBeGreaterThanOrEqual(1);
    });

    it("calls a function with its arguments, and gives what it returns or its promise resolves to", async () => {
      expect(await execute(plain, "sum", [1, 2])).toBe(3);
      expect(await execute(plain, "source")).toEqual([0, 10, 20]);
      expect(await execute(control, "slow")).toBe("done");
    });

    it("throws what the function throws", async () => {
      const expected = { name: "Weird", message: "odd", code: "E_WEIRD", cause: { name: "RangeError" } };
      await expect(execute(failing, "weird")).rejects.toMatchObject(expected);
      await expect(execute(failing, "text")).rejects.toBe("just text");
    });

    it("says once when it calls the function of a node with a timeout", async () => {
      let starts = 0;
      await backendOf(marked).execute(callOf(marked, "where"), new LazyAbort(), () => starts++);
      expect(starts).toBe(1);
    });

    it("executes other calls after some were aborted that never end", async () => {
      const { limit } = backendOf(control);
      const aborts = Array.from({ length: Math.min(limit, 5) }, () => new LazyAbort());
      const calls = aborts.map(async (abort) => backendOf(control).execute(callOf(control, "hangs"), abort, ignore));
      for (const call of calls) call.catch(ignore);
      await sleep(20);
      for (const abort of aborts) abort.abort(new Error("enough"));
      expect(await execute(control, "slow")).toBe("done");
    });
  });

  describe(`A run on the backend ${backend}`, () => {
    const placed = (run: RunResult<any>, node: string) => expect(run.nodes.get(node)?.backend).toBe(backend);

    it("gives the results that every mode gives", async () => {
      const run = await plain.run(options);
      placed(run, "sum");
      expect(run.get("source")).toEqual([0, 10, 20]);
      expect(run.get("both")).toEqual({ sum: 30, source: [0, 10, 20] });
      expect(run.get("either")).toBe("BIG 30");
      expect(run.nodes.get("small")).toMatchObject({ status: "skipped", attempts: 0 });
      expect((await plain.run({ ...options, inputs: { size: 2 } })).get("either")).toBe("SMALL 10");
    });

    it("gives functions their context, and keeps what they write to it", async () => {
      const events: RunEvent[] = [];
      const context = { metadata: { shared: { n: 1 } } };
      const observers = [(event: RunEvent) => events.push(event)];
      const run = await contexts.run({ ...options, context, observers, inputs: { limit: 5 } });
      placed(run, "second");
      const second = run.get("second") as { first: string; got: unknown[]; run: unknown[]; inputs: object };
      expect(second).toMatchObject({ first: "first's", inputs: { limit: 5 }, aborted: false });
      expect(second.got.slice(0, 3)).toEqual(["first's", true, "none"]);
      expect(second.run).toEqual([run.runId, "contexts", "second", 1, undefined]);
      expect(run.context.metadata).toMatchObject({ written: { by: "second" }, shared: { n: 2 } });
      expect({ ...run.metrics.custom }).toEqual({ seen: 1 });
      const told = events.flatMap((event) => {
        if (event.type === "node.progress") return [[event.fraction, event.message]];
        return event.type === "node.log" ? [[event.level, event.message]] : [];
      });
      expect(told).toEqual([
        [0.5, "half"],
        ["info", "a line"],
      ]);
    });

    it("gives observers text, whatever a node reports", async () => {
      const events: RunEvent[] = [];
      const run = await misused.runUntil("logs", { ...options, observers: [(event) => events.push(event)] });
      placed(run, "logs");
      const texts = [
        "its own cause",
        "gone",
        "function (anonymous)",
        "Symbol(s)",
        "an object (Object)",
        "an array of 1",
      ];
      const told = [...texts, "5", "5n", "null"];
      const messages = events.flatMap((event) =>
        event.type === "node.progress" || event.type === "node.log" ? [event.message] : [],
      );
      expect(messages).toEqual([...told, "undefined", ...told, undefined]);
    });

    it("accepts only finite numbers as metrics", async () => {
      const run = await misused.run({ ...options, errorStrategy: "continue" });
      const received = { text: '"one"', nan: "NaN", infinite: "-Infinity", big: "1n", accessor: "undefined" };
      for (const [node, value] of Object.entries(received)) {
        placed(run, node);
        const message = `Metric "n" of node "${node}" must be a finite number; received ${value}.`;
        expect(run.nodes.get(node)?.error?.cause).toMatchObject({ name: "TypeError", message });
      }
      expect(run.get("caught")).toEqual([true, false, false, ["__proto__", "fine"]]);
      expect(Object.entries(run.metrics.custom)).toEqual([
        ["__proto__", 1],
        ["fine", 2],
      ]);
    });

    it("retries", async () => {
      const run = await contexts.run({ ...options, context: { metadata: { shared: { n: 1 } } }, inputs: { limit: 1 } });
      expect(run.get("third")).toBe(2);
      expect(run.nodes.get("third")).toMatchObject({ attempts: 2, status: "completed" });
    });

    it("keeps an error's name, message, code and cause, and thrown values that are not errors", async () => {
      const run = await failing.run({ ...options, errorStrategy: "continue" });
      placed(run, "weird");
      const error = run.nodes.get("weird")?.error;
      expect(error).toBeInstanceOf(ExecutionError);
      expect(error?.cause).toMatchObject({
        name: "Weird",
        message: "odd",
        code: "E_WEIRD",
        cause: { name: "RangeError" },
      });
      expect(error?.message).toContain("odd");
      expect(run.nodes.get("text")?.error?.cause).toBe("just text");
    });

    it("keeps an error's own properties and aggregated errors, which retries depend on", async () => {
      const run = await failing.run({ ...options, errorStrategy: "continue" });
      expect(run.nodes.get("http")).toMatchObject({ attempts: 3, error: { code: "RETRY_EXHAUSTED" } });
      expect(run.nodes.get("http")?.error?.cause).toMatchObject({ status: 503, details: { retryAfter: 7 } });
      const aggregate = run.nodes.get("aggregate")?.error?.cause as AggregateError;
      expect(aggregate).toBeInstanceOf(AggregateError);
      expect(aggregate.errors).toMatchObject([{ message: "a" }, { message: "b", name: "RangeError" }]);
      const circular = run.nodes.get("circular")?.error?.cause as AggregateError;
      expect(circular.message).toBe("round");
      expect(circular.errors[0]).toMatchObject({ message: "round" });
    });

    it("applies hooks", async () => {
      const hooks: NodeHooks = {
        preExecute: ({ name }) => (name === "sum" ? { xs: [1, 2] } : undefined),
        postExecute: ({ name }, _, result) => (name === "source" ? (result as number[]).slice(1) : undefined),
      };
      const run = await plain.run({ ...options, hooks });
      expect(run.get("sum")).toBe(3);
      expect(run.get("source")).toEqual([10, 20]);
    });

    it("ends an attempt at its timeout", async () => {
      const run = await control.run({ ...options, overrides: { spin: 1 }, errorStrategy: "continue" });
      expect(run.get("slow")).toBe("done");
      placed(run, "slow");
      expect(run.nodes.get("hangs")?.error).toBeInstanceOf(NodeTimeoutError);
    });

    it("has no more calls there than the backend's limit", async () => {
      const gauge = newGauge();
      const run = await wide.run({ ...options, inputs: { gauge, board: newBoard(), script: { spin: 1 } } });
      placed(run, "n0");
      expect(gauge[1]).toBeLessThanOrEqual(backendOf(wide).limit);
    });
  });
}
