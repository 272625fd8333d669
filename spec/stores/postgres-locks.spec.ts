import pg from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, PauseRun, StoreError, waitForEvent } from "dagwright";
import { Client } from "dagwright/service";
import { postgresStore, type SqlStore, type StoreOptions } from "dagwright/store";
import { execute, withPostgres } from "../support/postgres.js";
import { interceptQueries } from "../support/queries.js";
import { sleep, until } from "../support/waiting.js";

/** Pauses, or completes with `pauses: false`. */
function pausing({ pauses = true } = {}): Dag<any> {
  const dag = new Dag<any>("pausing");
  dag.node("a", () => {
    if (pauses) throw new PauseRun("waits");
    return "a";
  });
  return dag;
}

await withPostgres((server) => {
  const { url } = server;

  describe("Row locks in Postgres", () => {
    let stores: SqlStore[];
    let store: SqlStore;
    let admin: pg.Client;
    const open = (options?: StoreOptions) => {
      const made = postgresStore(url, options);
      stores.push(made);
      return made;
    };
    beforeEach(async () => {
      await server.empty();
      stores = [];
      store = open({ lease: 600_000 });
      admin = new pg.Client({ connectionString: url });
      await admin.connect();
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await admin.end();
      await Promise.all(stores.map((each) => each.close()));
    });

    const isWaiting = async () => {
      const waiting = "datname = current_database() and wait_event_type = 'Lock'";
      return (await execute(url, `select 1 from pg_stat_activity where ${waiting}`)).length > 0;
    };

    /** Locks the first run, and checks that the operation waits for it without having locked the last one. */
    async function lockedInOrder(operation: () => Promise<unknown>): Promise<void> {
      const ids = (await execute(url, "select id from runs order by id")).map(({ id }) => id as string);
      await admin.query("begin");
      await admin.query("select 1 from runs where id = $1 for update", [ids[0]]);
      const running = operation();
      await until(isWaiting);
      await admin.query("select 1 from runs where id = $1 for update nowait", [ids[ids.length - 1]]);
      await admin.query("commit");
      await running;
    }

    describe("of several runs are acquired in the order of their ids", () => {
      // The table has them in the opposite order.
      const ids = ["b", "a"];

      it("when deleting runs", async () => {
        for (const runId of ids) await pausing({ pauses: false }).run({ store, runId });
        await lockedInOrder(async () => expect(await store.prune({ keepLast: 0 })).toBe(2));
      });

      it("when writing, renewing or releasing runs", async () => {
        const hasty = open({ lease: 600 });
        let go = () => {};
        const gate = new Promise<void>((resolve) => (go = resolve));
        const dag = new Dag<any>("d");
        dag.node("a", () => gate);
        dag.node("b", { needs: ["a"] }, () => new Promise(() => {}));
        for (const runId of ids) {
          const handle = dag.start({ store: hasty, runId });
          handle.result.catch(() => {});
          await handle.recorded;
        }
        await lockedInOrder(async () => {});
        await lockedInOrder(async () => go());
        await lockedInOrder(() => hasty.close());
      });

      it("when marking events as delivered", async () => {
        const fsm = new Fsm<any>("waits");
        fsm.state("idle", { initial: true }, () => waitForEvent({ GO: "idle" }));
        // The database sorts the last id first, and JavaScript last.
        const ids = [...Array.from({ length: 50 }, (_, i) => `\u{1f600}${i}`), "\uff5e"];
        const handles = ids.map((runId) => fsm.start({ store, runId }));
        await Promise.all(handles.flatMap((handle) => [handle.recorded, handle.waitFor("idle")]));
        await lockedInOrder(() =>
          execute(
            url,
            `insert into events (run_id, root_id, id, number, event, payload, sent_at, for_owner)
             select id, id, 'e', 0, 'LATER', '[0]', 0, owner from runs`,
          ),
        );
        await Promise.all(handles.map((handle) => handle.stop()));
      });
    });

    it("of blobs about to be used do not block deleting runs", async () => {
      const dag = new Dag<any>("long");
      dag.node("text", async (letter: string) => letter.repeat(1_100_000));
      for (const letter of ["a", "b"]) await dag.run({ store, runId: letter, inputs: { letter } });
      await execute(url, "update blobs set used_at = 0");
      await admin.query("begin; select 1 from blobs where data like '%aaa%' for update");
      await store.delete("a");
      await store.prune({ keepLast: 0 });
      expect(await execute(url, "select data like '%aaa%' as mine from blobs")).toEqual([{ mine: true }]);
      await admin.query("commit");
      await store.prune({ keepLast: 0 });
      expect(await execute(url, "select 1 from blobs")).toEqual([]);
    });

    it("of what submitted runs share do not make them take turns, and keep it from being deleted", async () => {
      const dag = pausing({ pauses: false });
      const submitter = new Client({ store, workflows: [dag] });
      await submitter.submit(dag, { runId: "first" });
      await admin.query("begin; update blobs set used_at = 0");
      await submitter.submit(dag, { runId: "second" });
      await admin.query("commit");
      await store.delete("first");
      expect(await execute(url, "select run_id from blob_uses join blobs using (hash)")).toEqual([
        { run_id: "second" },
      ]);
      await submitter.close();
    });

    it("of blobs are acquired in the order of their hashes", async () => {
      const fsm = new Fsm<any>("takes");
      fsm.state("idle", { initial: true }, () => waitForEvent({ ITEM: "idle" }));
      for (const runId of ["first", "second"]) await fsm.run({ store, runId });
      const texts = Array.from("abcdefgh", (letter) => ["ITEM", letter.repeat(1_100_000)] as const);
      await fsm.resume("first", { store, send: texts });
      const [first, ...others] = await execute(
        url,
        "select hash from blobs where length(data) > 1000000 order by hash",
      );
      await admin.query("begin");
      await admin.query("select 1 from blobs where hash = $1 for update", [first.hash]);
      const resumed = fsm.resume("second", { store, send: texts });
      await until(isWaiting);
      expect(others.length).toBe(7);
      for (const { hash } of others) await admin.query("select 1 from blobs where hash = $1 for update nowait", [hash]);
      await admin.query("commit");
      await resumed;
    });

    it("of cached results being written do not block deleting them", async () => {
      const { cache } = store;
      const entry = { value: 1, storedAt: 1, expiresAt: 2 };
      for (const key of ["a", "b"]) await cache.set(key, entry);
      await admin.query("begin; select 1 from cache_entries where key = 'a' for update");
      await cache.set("c", { ...entry, storedAt: 3, expiresAt: undefined });
      const keys = () => execute(url, "select key from cache_entries order by key");
      expect(await keys()).toEqual([{ key: "a" }, { key: "c" }]);
      await cache.clear("");
      expect(await keys()).toEqual([{ key: "a" }]);
    });

    it("cause no deadlock while runs are deleted, finished and claimed concurrently", async () => {
      const many = Array.from({ length: 4 }, () => open());
      await many[0].listRuns();
      const codes: unknown[] = [];
      interceptQueries(async ({ send }) => {
        try {
          return await send();
        } catch (error) {
          codes.push((error as { code: unknown }).code);
          throw error;
        }
      });
      const ids = Array.from({ length: 60 }, (_, i) => `r${(i * 37) % 60}`);
      const errors: unknown[] = [];
      const tried = (work: Promise<unknown>) => work.catch((error: unknown) => errors.push(error));
      for (let round = 0; round < 3; round++) {
        await Promise.all(
          ids.map((runId, i) => tried(pausing({ pauses: i % 2 === 0 }).run({ store: many[i % 4], runId }))),
        );
        await Promise.all(
          Array.from({ length: 20 }, async (_, i) => {
            const at = many[i % 4];
            await sleep(Math.random() * 20);
            if (i % 5 < 2) await tried(at.prune({ keepLast: 10, paused: i % 2 === 0 }));
            else if (i % 5 < 4)
              await Promise.all(ids.map((runId) => tried(pausing({ pauses: false }).resume(runId, { store: at }))));
            else for (const runId of ids.slice(i)) await tried(at.delete(runId));
          }),
        );
      }
      expect(codes).toEqual([]);
      for (const error of errors) {
        expect(error).toBeInstanceOf(StoreError);
        expect((error as StoreError).code).toMatch(/^(?:NOT_FOUND|LEASE_HELD|RUN_EXISTS|LEASE_LOST)$/u);
      }
      for (const table of ["node_executions", "blob_uses"]) {
        expect(await execute(url, `select 1 from ${table} where run_id not in (select id from runs)`)).toEqual([]);
      }
    });
  });
});
