import { describe, expect, it } from "vitest";
import type { Dag, RunEvent, RunOptions } from "dagwright";

/** What holds for a function that is called in another process. @param dag - `remoteContexts`, with its nodes there */
export function remoteContextContract(backend: string, options: RunOptions, dag: Dag<any>): void {
  describe(`The context on the backend ${backend}`, () => {
    it("has what identifies the attempt, and copies of inputs and metadata", async () => {
      const context = { metadata: { shared: { n: 1 } } };
      const run = await dag.runUntil("facts", { ...options, runId: "facts-run", context, inputs: { limit: 5 } });
      expect(run.get("facts")).toEqual({
        ids: ["facts-run", dag.name, "facts", 1, "facts-run/facts"],
        inputs: { limit: 5 },
        metadata: { shared: { n: 2 } },
        limit: 5,
        aborted: false,
      });
      expect(run.context.metadata).toEqual({ shared: { n: 1 } });
    });

    it("passes on progress, log lines and metrics, in order", async () => {
      const events: RunEvent[] = [];
      const run = await dag.runUntil("reports", { ...options, observers: [(event) => events.push(event)] });
      const told = events.flatMap((event): unknown[][] => {
        if (event.type === "node.progress") return [[event.fraction, event.message]];
        return event.type === "node.log" ? [[event.level, event.message, event.fields]] : [];
      });
      expect(told).toEqual([
        [0.5, "half"],
        ["warn", "a line", { at: new Date(0) }],
        [1, undefined],
      ]);
      expect({ ...run.metrics.custom }).toEqual({ seen: 3 });
    });

    it("says by name what it has not, and what to do", async () => {
      const run = await dag.runUntil("asks", options);
      expect(run.get("asks")).toEqual(
        ["get", "has", "results", "run"].map((member) =>
          expect.stringMatching(
            new RegExp(
              `^ctx\\.${member} is not available on a remote backend\\. .* \\{ backend: "inline" \\}\\.$`,
              "u",
            ),
          ),
        ),
      );
    });

    it("is what getContext gives, also after an await", async () => {
      expect((await dag.runUntil("current", options)).get("current")).toBe("current");
    });
  });
}
