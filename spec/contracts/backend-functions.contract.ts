import { describe, expect, it } from "vitest";
import { ExecutionError, type NodeHooks, type RunResult } from "dagwright";
import { failing, members, plain } from "../support/threaded.js";
import type { BackendSubject } from "./backend.contract.js";

/** The members of contexts that are everywhere. */
const EVERYWHERE = ["runId", "workflow", "nodeName", "attempt", "idempotencyKey", "inputs", "metadata", "signal"];
/** Those that only some backends have. */
const ELSEWHERE = ["progress", "log", "metrics", "get", "has", "results", "run"];

/** What holds for a node wherever its TypeScript function runs. @param lacks - the members that its context has not */
export function functionsContract({ backend, options, placed }: BackendSubject, lacks: readonly string[] = []): void {
  const isThere = (run: RunResult<any>, node: string) => expect(run.nodes.get(node)?.backend).toBe(backend);

  describe(`A function on the backend ${backend}`, () => {
    it("gives the results that every mode gives", async () => {
      const run = await placed(plain).run(options);
      isThere(run, "sum");
      expect(run.get("source")).toEqual([0, 10, 20]);
      expect(run.get("both")).toEqual({ sum: 30, source: [0, 10, 20] });
      expect(run.get("either")).toBe("BIG 30");
      expect(run.nodes.get("small")).toMatchObject({ status: "skipped", attempts: 0 });
      expect((await placed(plain).run({ ...options, inputs: { size: 2 } })).get("either")).toBe("SMALL 10");
    });

    it("keeps an error's name, message, code and cause, and thrown values that are not errors", async () => {
      const run = await placed(failing).run({ ...options, errorStrategy: "continue" });
      isThere(run, "weird");
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
      const run = await placed(failing).run({ ...options, errorStrategy: "continue" });
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
      const run = await placed(plain).run({ ...options, hooks });
      expect(run.get("sum")).toBe(3);
      expect(run.get("source")).toEqual([10, 20]);
    });

    it("has a context that tells of the call, and refuses what is not there by name", async () => {
      const run = await placed(members).run({ ...options, inputs: { value: "prüfen" }, metadata: { tenant: "a b%" } });
      isThere(run, "tell");
      const { runId } = run;
      const told = run.get("tell") as Record<string, unknown>;
      expect(Object.keys(told)).toEqual([...EVERYWHERE, ...ELSEWHERE]);
      expect(told).toMatchObject({ runId, workflow: "members", nodeName: "tell", attempt: 1, signal: false });
      expect(told).toMatchObject({ idempotencyKey: `${runId}/tell`, inputs: { value: "prüfen" } });
      expect(told.metadata).toMatchObject({ tenant: "a b%" });
      const missing = ELSEWHERE.filter((member) =>
        /^TypeError: .*(?:not available|has no)/u.test(String(told[member])),
      );
      expect(missing).toEqual(lacks);
      for (const member of lacks)
        expect(told[member]).toMatch(
          new RegExp(`\\b${member}\\b.*\\b(?:rpc|thread|remote)\\b|\\brpc\\b.*\\b${member}\\b`, "u"),
        );
    });
  });
}
