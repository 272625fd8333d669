import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as library from "dagwright";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { recordedWorkflows } from "../support/old-databases.js";
import { openDatabase } from "../support/sqlite.js";

const { total, order, around } = recordedWorkflows(library);

describe.each([
  // Its version had no status for runs that only wait.
  [2, "paused"],
  [3, "waiting"],
])("A database of schema %i", (version, resting) => {
  let folder: string;
  let path: string;
  let store: SqlStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "dagwright-upgrading-"));
    path = join(folder, "runs.db");
    copyFileSync(fileURLToPath(new URL(`fixtures/schema-${version}.db`, import.meta.url)), path);
    store = sqliteStore(path);
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is upgraded in place, with its runs", async () => {
    const { runs, unreadable } = await store.listRuns({ roots: true });
    expect(unreadable).toEqual([]);
    expect(runs.map(({ runId, status }) => [runId, status]).sort()).toEqual([
      ["around", resting],
      ["paid", resting],
      ["paused", "paused"],
      ["waits", resting],
    ]);
    expect(await store.getRun("waits")).toMatchObject({ waitingFor: { events: ["PAID"] }, currentState: "created" });
  });

  it("continues its runs: paused ones, those that were sent events, and those that are due", async () => {
    expect((await total.resume("paused", { store, provide: { approve: "Ann" } })).value).toBe("5 by Ann");
    const [paid, ...others] = await order.recover({ store });
    expect([paid.runId, paid.value, others]).toEqual(["paid", "paid 7", []]);
    await order.send("waits", "PAID", 8, { store });
    expect((await order.recover({ store })).map(({ value }) => value)).toEqual(["paid 8"]);
    await order.send("around/order", "PAID", 9, { store });
    expect((await around.resume("around", { store })).value).toBe("paid 9");
  });

  it("has its runs continued by services", async () => {
    const { structure } = await store.read("waits");
    const workflow = { name: "order", kind: "fsm" as const, structures: [structure] };
    const claim = async () => (await store.queue.claimNext({ workflows: [workflow], limit: 9 })).runs;
    expect(await claim()).toEqual([]);
    expect(await store.queue.sweep([workflow], 1)).toBe(1);
    expect(await claim()).toMatchObject([{ runId: "paid", isFresh: false }]);
    expect((await order.resume("paid", { store })).value).toBe("paid 7");
    await order.send("waits", "PAID", 8, { store });
    expect(await claim()).toMatchObject([{ runId: "waits", isFresh: false }]);
    expect((await order.resume("waits", { store })).value).toBe("paid 8");
    await store.queue.submit({ runId: "new", workflow: "order", kind: "fsm", structure, inputs: {} });
    expect(await claim()).toMatchObject([{ runId: "new", isFresh: true }]);
  });

  it("continues runs that are due", async () => {
    await store.listRuns();
    const database = openDatabase(path);
    database.prepare("update runs set due_at = 1 where id = 'waits'").run([]);
    database.prepare(`update fsm_cycles set wait = replace(wait, '"at":', '"at":-') where run_id = 'waits'`).run([]);
    database.close();
    const runs = await order.recover({ store });
    expect(runs.map(({ runId, value }) => [runId, value]).sort()).toEqual([
      ["paid", "paid 7"],
      ["waits", "expired"],
    ]);
  });
});
