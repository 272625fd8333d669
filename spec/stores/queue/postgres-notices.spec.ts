import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { postgresStore, type SqlStore } from "dagwright/store";
import type { Wake } from "../../../lib/stores/queue/queue.js";
import { execute, withPostgres } from "../../support/postgres.js";
import { served, submitted } from "../../support/queued.js";

await withPostgres(({ url, empty }) => {
  /** The listening connections, except for this one. */
  const LISTENING = "query = 'listen dagwright' and datname = current_database() and pid <> pg_backend_pid()";

  describe("Postgres stores", () => {
    let one: SqlStore;
    let other: SqlStore;
    beforeEach(async () => {
      await empty();
      one = postgresStore(url);
      other = postgresStore(url);
    });
    afterEach(() => Promise.all([one.close(), other.close()]));

    /** Listens, and resolves when the database knows. */
    async function listen() {
      const heard: Wake[] = [];
      const waiting = new Set<() => void>();
      const stop = one.queue.onWake((what) => {
        heard.push(what);
        for (const done of waiting) done();
      });
      /** Resolves when `holds` does. */
      const until = async (holds: () => boolean) => {
        while (!holds()) {
          await new Promise<void>((resolve) => waiting.add(resolve));
          waiting.clear();
        }
      };
      // What may have been missed before the connection listens.
      await until(() => heard.length === 4);
      heard.length = 0;
      return { heard, until, stop };
    }

    it("hear what others do", async () => {
      const { heard, until } = await listen();
      await other.queue.submit(submitted("a"));
      await until(() => heard.includes("ready"));
      await other.queue.claimNext({ workflows: [served], limit: 1 });
      await other.queue.submit(submitted("b"));
      await one.queue.request("a", { kind: "cancel" });
      await other.queue.request("b", { kind: "cancel" });
      await until(() => heard.includes("ended"));
    });

    it("send one notice for what happens in one turn of the event loop", async () => {
      const { heard, until } = await listen();
      await Promise.all([other.queue.submit(submitted("a")), other.queue.submit(submitted("b"))]);
      await until(() => heard.length > 0);
      expect(heard.length).toBeLessThanOrEqual(2);
    });

    it("listen again when their connection breaks, and say that they may have missed something", async () => {
      const { heard, until } = await listen();
      for (let round = 0; round < 3; round++) {
        await execute(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${LISTENING}`);
        await until(() => heard.length >= 4);
        expect(heard.sort()).toEqual(["ended", "ready", "requested", "scheduled"]);
        heard.length = 0;
      }
      await other.queue.submit(submitted("a"));
      await until(() => heard.includes("ready"));
    });

    it("listen over one connection, until nobody listens", async () => {
      const count = async () => (await execute(url, `select pid from pg_stat_activity where ${LISTENING}`)).length;
      const first = await listen();
      const stop = one.queue.onWake(() => {});
      expect(await count()).toBe(1);
      first.stop();
      expect(await count()).toBe(1);
      stop();
      while ((await count()) > 0);
      const again = await listen();
      expect(await count()).toBe(1);
      again.stop();
    });

    it("ignore notices of others", async () => {
      const { heard, until } = await listen();
      await execute(url, "select pg_notify('dagwright', 'hello'), pg_notify('dagwright', '{}')");
      await other.queue.submit(submitted("a"));
      await until(() => heard.length > 0);
      expect(heard).toEqual(["ready"]);
    });
  });
});
