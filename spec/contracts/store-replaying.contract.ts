import { beforeEach, describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { calls, inputs, pipeline, statuses } from "../support/pipeline.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure } from "../support/waiting.js";

/** The guarantees of every store for runs that take results from others. */
export function replayingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`Runs recorded in ${name}`, () => {
    const { another } = useStores(connect);
    let store: SqlStore;

    beforeEach(() => {
      calls.length = 0;
      store = another();
    });

    describe("are replayed", () => {
      it("from some nodes on, as a new run linked to the old one", async () => {
        const dag = pipeline();
        const first = await dag.run({ store, inputs });
        calls.length = 0;
        const run = await dag.replay(first.runId, { store, rerun: ["report"] });
        expect(calls).toEqual(["report"]);
        expect(run.runId).not.toBe(first.runId);
        expect(statuses(run.nodes)).toEqual({
          load: "copied",
          clean: "copied",
          report: "completed",
          stats: "copied",
        });
        expect([run.get("load"), run.has("stats"), run.get("stats")]).toEqual([[1, 2, 3], true, { n: 3 }]);
        const found = (await store.getRun(run.runId))!;
        expect(found.parentRunId).toBe(first.runId);
        expect(found.nodes.get("load")).toMatchObject({ status: "copied", output: [1, 2, 3] });
        expect((await store.getRun(first.runId))!.children).toEqual([run.runId]);
        calls.length = 0;
        const second = await dag.replay(run.runId, { store, rerun: ["clean"] });
        expect(calls).toEqual(["clean", "report", "stats"]);
        expect(second.get("stats")).toEqual({ n: 3 });
      });

      it("with only: true, without the nodes that depend on them", async () => {
        const dag = pipeline();
        const first = await dag.run({ store, inputs });
        calls.length = 0;
        const run = await dag.replay(first.runId, { store, rerun: ["clean"], only: true });
        expect(calls).toEqual(["clean"]);
        expect(run.get("report")).toBe("n=3");
      });

      it("without the nodes that the old run skipped", async () => {
        const dag = new Dag<any>("forked");
        dag.condition("c", () => true);
        dag.node("no", { needs: ["c.false"] }, () => expect.unreachable());
        dag.node("then", { needs: ["no"] }, () => expect.unreachable());
        dag.node("other", () => 1);
        let { runId } = await dag.run({ store });
        for (const node of ["other", "then", "then"]) {
          const run = await dag.replay(runId, { store, rerun: [node] });
          expect(statuses(run.nodes)).toMatchObject({ no: "skipped", then: "skipped" });
          const found = (await store.getRun(run.runId))!;
          expect(statuses(found.nodes)).toEqual({ ...statuses(run.nodes), c: "copied" });
          runId = run.runId;
        }
      });

      it("unless a needed result is missing, or a node is unknown", async () => {
        const error = await failure(pipeline(new Set(["clean"])).run({ store, inputs }));
        calls.length = 0;
        const refusal = await failure(pipeline().replay(error.run.runId, { store, rerun: ["report"] }));
        expect(refusal).toMatchObject({ code: "MISSING_RESULT", missing: ["clean"] });
        const unknown = await failure(pipeline().replay(error.run.runId, { store, rerun: ["raport"] }));
        expect(unknown.message).toContain('"report"');
        for (const rerun of [undefined, [], "report", [1]]) {
          const refused = pipeline().replay(error.run.runId, { store, rerun } as any);
          await expect(refused).rejects.toThrow(/"rerun" must be/u);
        }
        expect(calls).toEqual([]);
      });

      it("by runFrom with the id of a run", async () => {
        const { runId } = await pipeline().run({ store, inputs });
        calls.length = 0;
        const run = await pipeline().runFrom("stats", { from: runId, store, inputs });
        expect(calls).toEqual(["stats"]);
        expect(run.get("load")).toEqual([1, 2, 3]);
        expect((await store.getRun(run.runId))!.parentRunId).toBe(runId);
        await expect(pipeline().runFrom("stats", { from: runId, inputs })).rejects.toThrow(/takes the "store"/u);
      });
    });
  });
}
