import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, decide, Fsm, next, route, stop, waitForEvent, type CacheOptions } from "dagwright";
import type { SqlStore } from "dagwright/store";
import { useStores, type StoreSubject } from "../support/stores.js";
import { until } from "../support/waiting.js";

/** Can't be copied by its visible properties. */
class Money {
  #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  add(cents: number) {
    this.#cents += cents;
    return this.#cents;
  }
}
const types = {
  Money: {
    is: (value: unknown) => value instanceof Money,
    encode: (money: Money) => money.add(0),
    decode: (cents: number) => new Money(cents),
  },
};

/** The guarantees of every store for cached results. */
export function storeCachingContract(name: string, connect: () => Promise<StoreSubject>): void {
  describe(`A result cached in ${name}`, () => {
    const { another } = useStores(connect);
    let store: SqlStore;
    beforeEach(() => {
      store = another({ types });
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });

    it("is found by inputs that no text column could distinguish", async () => {
      const dag = new Dag("texts");
      dag.cachedNode("units", { store: store.cache }, (text: string) =>
        Array.from({ length: 2 }, (_, i) => text.charCodeAt(i)),
      );
      const texts = ["\ud800a", "\ud801a", "\ufffda", "a\0", "a\u0001", "\ud83d\ude00"];
      for (let i = 0; i < 2; i++) {
        for (const text of texts) {
          const run = await dag.run({ inputs: { text } });
          expect(run.value).toEqual([text.charCodeAt(0), text.charCodeAt(1)]);
          expect(run.metrics.cache.hits).toBe(i);
        }
      }
      await dag.invalidateCache("units", { text: "a\0" });
      expect((await dag.run({ inputs: { text: "a\0" } })).metrics.cache.hits).toBe(0);
      expect((await dag.run({ inputs: { text: "a\u0001" } })).metrics.cache.hits).toBe(1);
    });

    it("needs a key of limited length: other results are computed each time, with a warning", async () => {
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const dag = new Dag(randomBytes(6000).toString("base64"));
      dag.cachedNode("n", { store: store.cache }, () => 1);
      for (let i = 0; i < 2; i++) expect((await dag.run()).value).toBe(1);
      const warnings = warned.mock.calls.map(([warning]) => String(warning));
      expect(warnings.length).toBeGreaterThan(0);
      for (const text of warnings) expect(text).toMatch(/The cache key .* can't be stored: it has 80\d\d bytes/u);
    });

    it("may be the outcome of a fork or state, with its destination", async () => {
      const calls: string[] = [];
      const cache = { ttl: 60_000, store: store.cache };
      const dag = new Dag<any>("forks");
      dag.condition("isBig", { cache }, () => (calls.push("isBig"), decide(true, { size: 3n })));
      dag.select(
        "route",
        { needs: ["isBig"], cache },
        (of: { size: bigint }) => (calls.push("route"), route("far", of.size)),
      );
      dag.node("far", { needs: ["route.far"] }, (size: bigint) => size);
      dag.node("near", { needs: ["route.near"] }, () => "near");
      const fsm = new Fsm<any>("machine");
      fsm.state("first", { initial: true, cache }, () => (calls.push("first"), next("waits", new Date(5))));
      fsm.state("waits", { cache }, () => (calls.push("waits"), waitForEvent({ GO: "last" }, { after: [0, "last"] })));
      fsm.state("last", { cache }, () => (calls.push("last"), stop("over")));
      for (let i = 0; i < 2; i++) {
        expect((await dag.run()).outputs).toEqual({ far: 3n });
        const run = await fsm.run();
        expect([run.value, run.stateHistory]).toEqual(["over", ["first", "waits", "last"]]);
        expect(run.get("first")).toEqual(new Date(5));
      }
      expect(calls).toEqual(["isBig", "route", "first", "waits", "last"]);
    });

    it("is a copy for each caller, also for those that wait for the same computation", async () => {
      const dag = new Dag("rates");
      const calls = vi.fn(async () => ({ list: [3, 1, 2], paid: new Money(100) }));
      dag.cachedNode("rates", { store: store.cache }, () => calls());
      dag.node("used", { needs: ["rates"] }, ({ list, paid }) => [list.sort()[0], list.push(0), paid.add(1)]);
      const runs = await Promise.all([1, 2, 3].map(() => dag.run({ mode: "async" })));
      runs.push(await dag.run({ mode: "async" }));
      for (const { value } of runs) expect(value).toEqual([1, 4, 101]);
      expect(calls).toHaveBeenCalledTimes(1);
    });

    it("is used for staleIfError after its ttl, by other processes too, and then expires", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const events: string[] = [];
      const rates = (options: CacheOptions, { fails = false } = {}) => {
        const dag = new Dag("rates");
        dag.cachedNode("rate", options, async () => {
          if (fails) throw new Error("down");
          return { usd: 2 };
        });
        return dag
          .run({ observers: [({ type }) => events.push(type)] })
          .catch((error: unknown) => error) as Promise<any>;
      };
      const options = { store: store.cache, ttl: 1000, staleIfError: 5000 };
      await rates(options);
      vi.setSystemTime(Date.now() + 5900);
      const elsewhere = { ...options, store: another({ types }).cache };
      const run = await rates(elsewhere, { fails: true });
      expect([run.value, run.nodes.get("rate").cached]).toEqual([{ usd: 2 }, true]);
      expect(events).toContain("node.stale");
      expect((await rates({ ...options, staleIfError: 0 }, { fails: true })).message).toContain("down");
      vi.setSystemTime(Date.now() + 200);
      expect((await rates(options, { fails: true })).message).toContain("down");
      vi.useRealTimers();
    });

    it("is in the record of a run that used it as stale", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const behave = { fails: false };
      const dag = new Dag("rates");
      dag.cachedNode("rate", { ttl: 1000, staleIfError: 5000, retry: { retries: 1, delay: 0 } }, async () => {
        if (behave.fails) throw new Error("down");
        return { usd: 2 };
      });
      dag.node("next", { needs: ["rate"] }, ({ usd }) => usd + 1);
      await dag.run();
      behave.fails = true;
      vi.setSystemTime(Date.now() + 2000);
      const run = await dag.run({ store, runId: "r" });
      expect(run.value).toBe(3);
      vi.useRealTimers();
      const details = await store.getRun("r");
      expect(details?.status).toBe("completed");
      expect(details?.nodes.get("rate")).toMatchObject({ status: "completed", cached: true, output: { usd: 2 } });
      expect(details?.nodes.get("next")).toMatchObject({ status: "completed", output: 3 });
    });

    it("leaves the record of a completed run unchanged when refreshing it fails", async () => {
      vi.spyOn(Math, "random").mockReturnValue(0);
      let calls = 0;
      const dag = new Dag("rates");
      dag.cachedNode("rate", { ttl: 60_000, staleAfter: 0 }, async () => {
        if (++calls > 1) throw new Error("down");
        return 1;
      });
      await dag.run({ store, runId: "a" });
      await new Promise((resolve) => setTimeout(resolve, 5));
      const failed = new Promise((resolve) => {
        const observers = [({ type }: { type: string }) => void (type === "refresh.failed" && resolve(type))];
        void dag.run({ store, runId: "b", observers });
      });
      await failed;
      expect(calls).toBe(2);
      await until(async () => (await store.getRun("b"))?.status === "completed");
      expect((await store.getRun("b"))?.nodes.get("rate")).toMatchObject({
        status: "completed",
        cached: true,
        attempts: 0,
      });
    });
  });
}
