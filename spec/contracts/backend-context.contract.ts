import { describe, expect, it } from "vitest";
import { NodeTimeoutError, type RunEvent, type RunResult } from "dagwright";
import { contexts, control, misused } from "../support/threaded.js";
import { newBoard, newGauge, wide } from "../support/wide.js";
import type { BackendSubject } from "./backend.contract.js";

/** What holds for a function that has the whole context of its run. @param limit - of the backend in a run */
export function contextContract({ backend, options, placed }: BackendSubject, limit: number): void {
  const isThere = (run: RunResult<any>, node: string) => expect(run.nodes.get(node)?.backend).toBe(backend);

  describe(`The context on the backend ${backend}`, () => {
    it("gives functions their context, and keeps what they write to it", async () => {
      const events: RunEvent[] = [];
      const context = { metadata: { shared: { n: 1 } } };
      const observers = [(event: RunEvent) => events.push(event)];
      const run = await placed(contexts).run({ ...options, context, observers, inputs: { limit: 5 } });
      isThere(run, "second");
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
      const run = await placed(misused).runUntil("logs", { ...options, observers: [(event) => events.push(event)] });
      isThere(run, "logs");
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
      const run = await placed(misused).run({ ...options, errorStrategy: "continue" });
      const received = { text: '"one"', nan: "NaN", infinite: "-Infinity", big: "1n", accessor: "undefined" };
      for (const [node, value] of Object.entries(received)) {
        isThere(run, node);
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
      const run = await placed(contexts).run({
        ...options,
        context: { metadata: { shared: { n: 1 } } },
        inputs: { limit: 1 },
      });
      expect(run.get("third")).toBe(2);
      expect(run.nodes.get("third")).toMatchObject({ attempts: 2, status: "completed" });
    });

    it("ends an attempt at its timeout", async () => {
      const run = await placed(control).run({ ...options, overrides: { spin: 1 }, errorStrategy: "continue" });
      expect(run.get("slow")).toBe("done");
      isThere(run, "slow");
      expect(run.nodes.get("hangs")?.error).toBeInstanceOf(NodeTimeoutError);
    });

    it("has no more calls there than the backend's limit", async () => {
      const gauge = newGauge();
      const run = await placed(wide).run({ ...options, inputs: { gauge, board: newBoard(), script: { spin: 1 } } });
      isThere(run, "n0");
      expect(gauge[1]).toBeLessThanOrEqual(limit);
    });
  });
}
