import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, PauseRun } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { failure } from "../support/waiting.js";

/** What holds in any kind of store of a run whose caller stops waiting for it just as it is taken up. */
export function interruptingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`In ${name}, a run whose resuming is interrupted`, () => {
    const { another } = useStores(connect);
    let store: SqlStore;
    /** Called once, when it has been decided how a run is taken up, before that is recorded. */
    let onDecided: (() => void) | undefined;
    const dag = new Dag("asking");
    dag.node("ask", (): number => {
      throw new PauseRun("how many?");
    });
    dag.node("double", (ask: number) => ask * 2);

    beforeEach(async () => {
      const opened = another();
      const claim: SqlStore["claim"] = (runId, accept, held) => {
        const acceptAndTell: typeof accept = (run) => {
          const claimed = accept(run);
          const tell = onDecided;
          onDecided = undefined;
          tell?.();
          return claimed;
        };
        return opened.claim(runId, acceptAndTell, held);
      };
      store = Object.create(opened, { claim: { value: claim } }) as SqlStore;
      await dag.run({ store, runId: "a" });
    });
    afterEach(() => void vi.useRealTimers());

    it("is cancelled, as its caller learns, and can be resumed at once", async () => {
      const controller = new AbortController();
      onDecided = () => controller.abort("enough");
      const error = await failure(dag.resume("a", { store, signal: controller.signal, provide: { ask: 2 } }));
      expect(error.message).toMatch(/^Run of "asking" was cancelled: enough/u);
      expect(error.run.status).toBe("cancelled");
      expect((await dag.resume("a", { store, provide: { ask: 3 } })).value).toBe(6);
    });

    it("fails, as its caller learns, and can be resumed at once", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      onDecided = () => void vi.advanceTimersByTime(1000);
      const error = await failure(dag.resume("a", { store, timeout: 1000, provide: { ask: 2 } }));
      expect(error.message).toMatch(/^Run of "asking" took longer than its timeout of 1000 ms/u);
      expect(error.run.status).toBe("failed");
      expect((await dag.resume("a", { store, provide: { ask: 3 } })).value).toBe(6);
    });

    it("is left as it is, as its caller learns, if it can't be taken up", async () => {
      const controller = new AbortController();
      onDecided = () => {
        controller.abort("enough");
        throw new Error("The connection was lost.");
      };
      const error = await failure(dag.resume("a", { store, signal: controller.signal, provide: { ask: 2 } }));
      expect(error.message).toMatch(/^Waiting for run "a" of "asking" was cancelled: enough/u);
      expect((await store.getRun("a"))?.status).toBe("paused");
    });
  });
}
