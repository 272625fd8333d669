import { describe, expect, it } from "vitest";
import { Dag, StoreError } from "dagwright";
import { postgresStore } from "dagwright/store";
import { attachedContract } from "../contracts/store-attached.contract.js";
import { storeCachingContract } from "../contracts/store-caching.contract.js";
import { storeChangingContract } from "../contracts/store-changing.contract.js";
import { closingContract } from "../contracts/store-closing.contract.js";
import { endingContract } from "../contracts/store-ending.contract.js";
import { storeEventsContract } from "../contracts/store-events.contract.js";
import { interruptingContract } from "../contracts/store-interrupting.contract.js";
import { nestingContract } from "../contracts/store-nesting.contract.js";
import { recordedFsmContract } from "../contracts/store-fsm.contract.js";
import { listingContract } from "../contracts/store-listing.contract.js";
import { storeLookingContract } from "../contracts/store-looking.contract.js";
import { storeMapsContract } from "../contracts/store-maps.contract.js";
import { recordingContract } from "../contracts/store-recording.contract.js";
import { recoveringContract } from "../contracts/store-recovering.contract.js";
import { repeatingContract } from "../contracts/store-repeating.contract.js";
import { replayingContract } from "../contracts/store-replaying.contract.js";
import { streamingContract } from "../contracts/store-streaming.contract.js";
import { resumingContract } from "../contracts/store-resuming.contract.js";
import { sharingContract } from "../contracts/store-sharing.contract.js";
import { storeWaitsInsideContract } from "../contracts/store-waits-inside.contract.js";
import { storeAttendingContract } from "../contracts/store-attending.contract.js";
import { storeWaitingContract } from "../contracts/store-waiting.contract.js";
import { hurried } from "../support/fake-time.js";
import { execute, withPostgres } from "../support/postgres.js";
import { postgresSubject } from "../support/store-subjects.js";
import { failure } from "../support/waiting.js";

await withPostgres((server) => {
  const { url } = server;

  const subject = async () => {
    const postgres = await postgresSubject(server)();
    const refuse = (node: string) =>
      postgres.execute(`alter table node_executions add constraint refuses check (node <> '${node}')`);
    return { ...postgres, refuse };
  };
  recordingContract("Postgres", subject);
  interruptingContract("Postgres", subject);
  resumingContract("Postgres", subject);
  streamingContract("Postgres", subject);
  replayingContract("Postgres", subject);
  listingContract("Postgres", subject);
  storeMapsContract("Postgres", subject);
  recordedFsmContract("Postgres", subject);
  nestingContract("Postgres", subject);
  sharingContract("Postgres", subject);
  storeEventsContract("Postgres", subject);
  storeWaitingContract("Postgres", subject);
  storeAttendingContract("Postgres", subject);
  storeWaitsInsideContract("Postgres", subject);
  storeCachingContract("Postgres", subject);
  storeLookingContract("Postgres", subject);
  storeChangingContract("Postgres", subject);
  endingContract("Postgres", subject);
  recoveringContract("Postgres", subject);
  repeatingContract("Postgres", subject);
  attachedContract("Postgres", subject);
  closingContract("Postgres", subject);

  describe("A Postgres store", () => {
    it("creates its tables once, even if opened concurrently", async () => {
      await execute(url, "drop schema public cascade; create schema public");
      const stores = Array.from({ length: 5 }, () => postgresStore(url));
      expect(await Promise.all(stores.map((store) => store.listRuns()))).toEqual(
        stores.map(() => ({ runs: [], unreadable: [] })),
      );
      await Promise.all(stores.map((store) => store.close()));
    });

    it("stores cached results, too", async () => {
      const store = postgresStore(url);
      const dag = new Dag("rates");
      let calls = 0;
      dag.cachedNode("rate", { store: store.cache, ttl: 1000 }, (of: string) => ({ of, n: ++calls }));
      await dag.run({ inputs: { of: "EUR" } });
      expect((await dag.run({ inputs: { of: "EUR" } })).value).toEqual({ of: "EUR", n: 1 });
      await dag.invalidateCache();
      expect((await dag.run({ inputs: { of: "EUR" } })).value).toEqual({ of: "EUR", n: 2 });
      await store.close();
    });

    it("fails a run without hanging when the server goes away", async () => {
      const store = postgresStore(url);
      const dag = new Dag("gone");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"] }, async () => {
        await execute(
          url,
          "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
        );
        await execute(url, "alter table node_executions rename to elsewhere");
        return 2;
      });
      const error = await dag.run({ store }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      await execute(url, "alter table elsewhere rename to node_executions");
      const mended = new Dag("gone");
      mended.node("a", () => expect.unreachable());
      mended.node("b", { needs: ["a"] }, () => "mended");
      expect((await mended.resume((error as any).run.runId, { store })).value).toBe("mended");
      await store.close();
    });

    it("reports that the server can't be reached", async () => {
      const store = postgresStore("postgres://127.0.0.1:1/none");
      expect(await hurried(() => failure(store.listRuns()))).toBeInstanceOf(StoreError);
      await store.close();
    });
  });
});
