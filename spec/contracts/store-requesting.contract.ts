import { beforeEach, describe, expect, it } from "vitest";
import { Dag, Fsm, stop } from "dagwright";
import type { SqlStore } from "dagwright/store";
import type { ServedWorkflow } from "../../lib/stores/queue/queue.js";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure, gate, never, until } from "../support/waiting.js";

/** What becomes of requests to pause or to cancel a run that its driver could not carry out, in any kind of store. */
export function requestingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`In ${name}, a request that the driver of a run has not carried out`, () => {
    const { another, execute } = useStores(connect);
    let store: SqlStore;
    let calls: string[];
    beforeEach(() => {
      store = another();
      calls = [];
    });
    const dag = (work: () => unknown = () => 1) => {
      const made = new Dag<any>("pausable");
      made.node("a", () => (calls.push("a"), work()));
      made.node("b", { needs: ["a"] }, () => 1);
      return made;
    };
    const fsm = (work: () => unknown = () => stop()) => {
      const made = new Fsm<any>("pausable fsm");
      made.state("a", { initial: true, to: ["b"] }, () => (calls.push("a"), work()));
      made.state("b", { terminal: true }, () => 1);
      return made;
    };
    /** A run whose driver died after it was asked for something, and before it heard. */
    const orphan = async (workflow: Dag<any> | Fsm<any>, kind: "pause" | "cancel") => {
      const first = another();
      const lost = workflow.run({ store: first, runId: "r" }).catch(() => {});
      await until(() => calls.length === 1);
      await first.close();
      await lost;
      calls = [];
      await execute(`update runs set request = '{"kind":"${kind}"}' where id = 'r' and status = 'running'`);
    };

    it("is kept by who takes the run up, and carried out before anything runs", async () => {
      await orphan(dag(never), "pause");
      expect(await dag().recover({ store })).toMatchObject([{ status: "paused" }]);
      expect(calls).toEqual([]);
      // Nobody has resumed it.
      expect(await dag().recover({ store })).toEqual([]);
      expect(await dag().resume("r", { store })).toMatchObject({ status: "completed", value: 1 });
    });

    it("is kept by who attaches to the run", async () => {
      await orphan(fsm(never), "pause");
      const [handle] = await fsm().attachAll({ store });
      expect(await handle.result).toMatchObject({ status: "paused" });
      expect(calls).toEqual([]);
      expect((await store.getRun("r"))?.status).toBe("paused");
    });

    it("ends when somebody resumes the run, if it was to pause", async () => {
      await orphan(dag(never), "pause");
      expect(await dag().resume("r", { store })).toMatchObject({ status: "completed", value: 1 });
    });

    it("stays when somebody resumes the run, if it was to be cancelled", async () => {
      await orphan(dag(never), "cancel");
      expect(await failure(dag().resume("r", { store }))).toMatchObject({ code: "CANCELLED" });
      expect(calls).toEqual([]);
    });

    it("is carried out by others, if the run came to rest for another reason", async () => {
      const { opened, open } = gate();
      const made = dag(() => opened);
      const running = made.run({ store, runId: "r" }).catch(() => {});
      await until(() => calls.length === 1);
      const other = another();
      expect(await store.queue.request("r", { kind: "pause" })).toBe("requested");
      expect(await other.queue.request("r", { kind: "cancel" })).toBe("requested");
      open();
      await running;
      const workflow: ServedWorkflow = { name: "pausable", kind: "dag", structures: [] };
      await until(async () => {
        await other.queue.sweep([workflow], 9);
        return (await other.getRun("r"))?.status === "cancelled";
      });
    });
  });
}
