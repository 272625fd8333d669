import pg from "pg";
import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, StoreError, waitForEvent } from "dagwright";
import { postgresStore } from "dagwright/store";
import { hurried } from "../support/fake-time.js";
import { execute, withPostgres } from "../support/postgres.js";
import { useProxy } from "../support/proxied.js";
import { interceptQueries } from "../support/queries.js";
import { failure, sleep, until } from "../support/waiting.js";

/** A chain of nodes, each of which adds 1. */
function chain(length: number, at: (node: number) => unknown = () => {}): Dag<any> {
  const dag = new Dag<any>("chain");
  dag.node("n0", async () => (await at(0), 1));
  for (let i = 1; i < length; i++) {
    dag.node(`n${i}`, { needs: [`n${i - 1}`] }, async (x: number) => (await at(i), x + 1));
  }
  return dag;
}

await withPostgres((server) => {
  const { url } = server;

  describe("A Postgres server", () => {
    const proxy = useProxy(server);
    const { open } = proxy;

    it("may end connections at any moment: the run continues over others", async () => {
      const store = await open({}, { application_name: "ended" });
      const end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ended'";
      const run = await chain(40, (i) => (i % 5 === 2 ? void execute(url, end) : undefined)).run({ store });
      expect(run.value).toBe(40);
      expect((await store.getRun(run.runId))!.status).toBe("completed");
    });

    it("may be unreachable for a moment: the run continues", async () => {
      const store = await open();
      const run = await chain(10, (i) => (i === 4 ? proxy.cut() : undefined)).run({ store });
      expect(run.value).toBe(10);
    });

    it("may end connections on a store's first use: the run begins over others", async () => {
      const timer = setInterval(() => proxy.cut(), 1);
      setTimeout(() => clearInterval(timer), 300);
      const store = await open();
      expect((await chain(3).run({ store })).value).toBe(3);
    });

    it("may end connections before runs are deleted and the cache is read: both use others", async () => {
      const store = await open();
      for (let i = 0; i < 3; i++) await chain(1).run({ store });
      proxy.cut();
      expect(await store.prune({ keepLast: 1 })).toBe(2);
      proxy.cut();
      await store.cache.set("k", { value: 1, storedAt: 1, expiresAt: undefined });
      proxy.cut();
      expect(await store.cache.get("k")).toMatchObject({ value: 1 });
    });

    it("may stop answering over existing connections: the store uses new ones", async () => {
      const store = await open({ lease: 60_000 }, { query_timeout: "500" });
      const run = await chain(6, (i) => (i === 2 ? proxy.silence() : undefined)).run({ store });
      expect(run.value).toBe(6);
      proxy.silence();
      // Each idle connection fails once.
      expect((await store.getRun(run.runId))!.status).toBe("completed");
    });

    it("may report a deadlock: the transaction that it rolled back is retried", async () => {
      const store = await open();
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      let meet = () => {};
      const bothRun = new Promise<void>((resolve) => (meet = resolve));
      let running = 0;
      const waits = () => {
        const dag = new Dag<any>("waits");
        dag.node("a", async () => {
          if (++running === 2) meet();
          await go;
          return 1;
        });
        return dag;
      };
      let begin = () => {};
      const go = new Promise<void>((resolve) => (begin = resolve));
      const runs = ["a", "b"].map((runId) => waits().run({ store, runId }));
      await bothRun;
      await admin.query("begin");
      await admin.query("select 1 from runs where id = 'b' for update");
      begin(); // Both are written together now: "a" is locked, and the statement waits for "b".
      await sleep(300);
      const ours = admin.query("select 1 from runs where id = 'a' for update").then(
        () => admin.query("commit"),
        () => admin.query("rollback"),
      );
      for (const run of await Promise.all(runs)) expect(run.status).toBe("completed");
      await ours;
      await admin.end();
    });

    it("gets one request per step", async () => {
      const store = await open({ lease: 600_000 });
      await chain(2).run({ store });
      const before = proxy.roundTrips();
      await chain(20).run({ store });
      // One for the run, one for the first start, one for each completion.
      expect(proxy.roundTrips() - before).toBeLessThanOrEqual(23);
    });

    it("gets one request for the leases of all runs", async () => {
      const store = await open({ lease: 300 });
      const fsm = new Fsm<any>("waits");
      fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle" }));
      const handles = Array.from({ length: 100 }, () => fsm.start({ store }));
      await Promise.all(handles.flatMap((handle) => [handle.recorded, handle.waitFor("idle")]));
      const isWritten = async () =>
        (await execute(url, "select 1 from fsm_cycles where wait is not null")).length === 100;
      await until(isWritten);
      const renewals: number[] = [];
      const others: string[] = [];
      const runIds = new Set<unknown>(handles.map(({ runId }) => runId));
      interceptQueries(async ({ text, values, send }) => {
        if (/update runs set lease_expires_at/u.test(text))
          renewals.push(values.flat().filter((id) => runIds.has(id)).length);
        // Polls, which are for all runs, too.
        else if (!/for_owner"? = |"request" is not null/u.test(text)) others.push(text);
        return send();
      });
      await until(() => renewals.length >= 3);
      expect(others).toEqual([]);
      for (const runs of renewals) expect(runs).toBe(100);
      await Promise.all(handles.map((handle) => handle.stop()));
    });

    it("is polled for events no more often when another run begins to wait", async () => {
      const store = await open();
      const fsm = new Fsm<any>("waits");
      fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle" }));
      const handles = [fsm.start({ store })];
      let looks = 0;
      interceptQueries(async ({ text, send }) => {
        if (!/^\s*select .*for_owner = /su.test(text)) return send();
        if (looks++ === 0) {
          handles.push(fsm.start({ store }));
          await sleep(300);
        }
        return send();
      });
      await until(() => looks > 1);
      looks = 0;
      const began = performance.now();
      await until(() => looks >= 6);
      // It is polled every 300 ms.
      expect(performance.now() - began).toBeGreaterThan(5 * 290);
      await Promise.all(handles.map((handle) => handle.stop()));
    });

    it("may commit the claim of a run slowly: the run receives each event once", async () => {
      const [store, other] = [await open(), await open()];
      const taken: unknown[] = [];
      const fsm = new Fsm<any>("adds");
      fsm.state("idle", { initial: true }, () => waitForEvent({ begin: "adding" }));
      fsm.state("adding", (item: unknown) => (taken.push(item), waitForEvent({ add: "adding" })));
      // While another run waits, the store polls for events.
      const waiting = fsm.start({ store });
      const first = fsm.start({ store, runId: "r" });
      await first.recorded;
      await first.waitFor("idle");
      for (const i of [1, 2]) await fsm.send("r", "add", i, { store: other });
      await sleep(400);
      await first.pause();
      let isSlow = true;
      interceptQueries(async ({ text, send }) => {
        if (text === "commit" && isSlow) {
          isSlow = false;
          await sleep(500);
        }
        return send();
      });
      const again = await fsm.attach("r", { store });
      await again.send("begin", 0);
      await until(() => taken.length >= 3);
      await sleep(400);
      expect(taken).toEqual([0, 1, 2]);
      await Promise.all([waiting.stop(), again.stop()]);
    });

    it("gets no more than about 16 MB at a time, from many runs or one", async () => {
      const store = await open({ lease: 60_000 });
      let longest = 0;
      interceptQueries(({ values, send }) => {
        longest = Math.max(longest, String(values.flat()).length);
        return send();
      });
      const dag = new Dag<any>("large");
      let begun = 0;
      let go = () => {};
      const gate = new Promise<void>((resolve) => (go = resolve));
      const large = async () => {
        const letter = String.fromCharCode(97 + begun++);
        if (begun === 16) go();
        await gate;
        return letter.repeat(3_000_000);
      };
      dag.node("text", large);
      dag.node("length", { needs: ["text"] }, (text: string) => text.length);
      const wide = new Dag<any>("wide");
      const nodes = Array.from({ length: 8 }, (_, i) => `text${i}`);
      for (const node of nodes) wide.node(node, large);
      wide.node("length", { needs: nodes }, (...texts: string[]) => texts.join("").length);
      const many = nodes.map(() => dag.run({ store }));
      const [one, ...others] = await Promise.all([wide.run({ store, mode: "async" }), ...many]);
      expect([one.value, ...others.map(({ value }) => value)]).toEqual([24_000_000, ...nodes.map(() => 3_000_000)]);
      expect(longest).toBeGreaterThan(10_000_000);
      expect(longest).toBeLessThan(20_000_000);
    });

    it("gets one renewal of leases at a time, however long it takes", async () => {
      const store = await open({ lease: 90 });
      let begin = () => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      let end = () => {};
      const over = new Promise<void>((resolve) => (end = resolve));
      const run = chain(1, () => (begin(), over)).run({ store });
      await begun;
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      await admin.query("begin; select 1 from runs for update");
      const renewals =
        "datname = current_database() and query like '%update runs set lease%' and wait_event_type = 'Lock'";
      const waitingNow = () => execute(url, `select 1 from pg_stat_activity where ${renewals}`);
      await until(async () => (await waitingNow()).length > 0);
      await sleep(300);
      const waiting = await waitingNow();
      await admin.query("commit");
      await admin.end();
      expect(waiting.length).toBe(1);
      end();
      expect((await run).value).toBe(1);
    });

    it("may refuse connections for good: runs fail with a StoreError, and can be resumed", async () => {
      const store = await open();
      vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const run = () => chain(3, (i) => (i === 1 ? proxy.close() : undefined)).run({ store, runId: "r" });
      // In one go: what is still tried again has its timers.
      const error = await hurried(async () => {
        const thrown = await failure(run());
        await store.close();
        return thrown;
      });
      expect(error).toBeInstanceOf(StoreError);
      const other = postgresStore(url);
      await execute(url, "update runs set lease_expires_at = 0");
      expect((await chain(3).resume("r", { store: other })).value).toBe(3);
      await other.close();
    });
  });
});
