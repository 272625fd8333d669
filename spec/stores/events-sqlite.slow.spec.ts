import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Fsm, next, stop, waitForEvent } from "dagwright";
import { sqliteStore, type OpenDatabase, type SqlStore } from "dagwright/store";
import { faulty, openDatabase } from "../support/sqlite.js";
import { sleep, until } from "../support/waiting.js";

let folder: string;
let number = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-events-"));
  vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});
const freshPath = () => join(folder, `${number++}.db`);

/** Takes ITEM events, one per cycle, until END. */
function collector(): Fsm<any> {
  const fsm = new Fsm<any>("collector");
  fsm.state("idle", { initial: true }, () => waitForEvent({ ITEM: "item", END: "end" }));
  fsm.state("item", () => next("idle"));
  fsm.state("end", () => stop("end"));
  return fsm;
}

const items = async (store: SqlStore, runId: string) =>
  (await store.getRun(runId))!.cycles.filter(({ event }) => event === "ITEM").map(({ input }) => input?.value);
const waits = (store: SqlStore, runId: string) => async () =>
  (await store.getRun(runId))?.cycles.at(-1)?.wait !== undefined;
const isPoll = (sql: string) => /^\s*select .*for_owner = /su.test(sql);

describe("A store with runs that wait for events", () => {
  it("polls with one query for all of them, and only while one of them waits", async () => {
    const { database, statements } = faulty(freshPath(), -1);
    const store = sqliteStore(database);
    const handles = Array.from({ length: 50 }, (_, i) => collector().start({ store, runId: `r${i}` }));
    await until(waits(store, "r49"));
    const began = performance.now();
    statements.length = 0;
    await sleep(1000);
    const polls = statements.filter(isPoll).length;
    expect(polls).toBeGreaterThan(0);
    expect(polls).toBeLessThanOrEqual(Math.ceil((performance.now() - began) / 250));
    expect(statements.filter((sql) => !isPoll(sql)).length).toBeLessThan(3);
    await Promise.all(handles.map((handle) => handle.pause()));
    await sleep(400);
    statements.length = 0;
    await sleep(700);
    expect(statements.filter(isPoll)).toEqual([]);
    await store.close();
  });

  it("delivers each event once, even if marking it as delivered fails", async () => {
    const path = freshPath();
    const database = openDatabase(path);
    let failures = 0;
    const forgetful: OpenDatabase = {
      close: () => database.close(),
      prepare: (sql) => {
        const isMarking = /^update "events" set "for_owner" = \?/u.test(sql);
        const statement = database.prepare(sql);
        return {
          ...statement,
          reader: statement.reader,
          all: (parameters) => statement.all(parameters),
          iterate: (parameters) => statement.iterate(parameters),
          run: (parameters) => {
            if (isMarking && failures++ < 3) throw new Error("disk I/O error");
            return statement.run(parameters);
          },
        };
      },
    };
    const store = sqliteStore(forgetful);
    const handle = collector().start({ store, runId: "r" });
    await until(waits(store, "r"));
    const other = sqliteStore(path);
    await collector().send("r", "LATER", 0, { store: other });
    for (const i of [1, 2, 3]) {
      await collector().send("r", "ITEM", i, { store: other });
      await until(async () => (await items(store, "r")).length === i);
    }
    await until(() => failures > 3);
    await collector().send("r", "END", 0, { store: other });
    await handle.result;
    expect(await items(store, "r")).toEqual([1, 2, 3]);
    await Promise.all([store.close(), other.close()]);
  });
});

describe("An event sent before the deadline", () => {
  it("is taken even if the store can't be read at the deadline", async () => {
    const path = freshPath();
    const database = openDatabase(path);
    let isDown = false;
    const flaky: OpenDatabase = {
      close: () => database.close(),
      prepare: (sql) => {
        if (isDown && isPoll(sql)) throw new Error("disk I/O error");
        return database.prepare(sql);
      },
    };
    const store = sqliteStore(flaky);
    const sender = sqliteStore(path);
    const fsm = new Fsm<any>("order");
    fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }, { after: [250, "late"] }));
    fsm.state("paid", (amount: number) => stop(amount));
    fsm.state("late", () => stop("late"));
    const handle = fsm.start({ store, runId: "r" });
    await until(waits(store, "r"));
    isDown = true;
    const { at } = (await store.getRun("r"))!.cycles[0].wait!.after!;
    await fsm.send("r", "PAID", 12, { store: sender });
    const isInTime = Date.now() <= at;
    await sleep(Math.max(0, at + 50 - Date.now()));
    isDown = false;
    const { value } = await handle.result;
    // A slow machine may miss the deadline.
    if (isInTime) expect(value).toBe(12);
    await Promise.all([store.close(), sender.close()]);
  });
});

/** Repeats an operation with one statement after another failing, until none fails. */
async function withEach(first: number, work: (at: number) => Promise<{ readonly hasFailed: boolean }>): Promise<void> {
  for (let at = first; ; at += AT_ONCE) {
    const ends = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => work(at + i)));
    if (ends.some(({ hasFailed }) => !hasFailed)) return;
  }
}
const AT_ONCE = 10;

describe("An event is taken once if a statement fails", () => {
  it("of the sender, which sends it again with the same key", async () => {
    await withEach(0, async (at) => {
      const path = freshPath();
      const store = sqliteStore(path);
      const handle = collector().start({ store, runId: "r" });
      await until(waits(store, "r"));
      const { database, failed, heal } = faulty(path, at);
      const sender = sqliteStore(database);
      const send = () => collector().send("r", "ITEM", "x".repeat(2_000_000), { store: sender, key: "k" });
      const error = await send().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const hasFailed = failed.length > 0;
      if (hasFailed && !/^(?:select|pragma)/u.test(failed[0])) expect(error, failed[0]).toBeDefined();
      heal();
      await send();
      await collector().send("r", "END", 0, { store: sender });
      await handle.result;
      expect((await items(store, "r")).length).toBe(1);
      await Promise.all([store.close(), sender.close()]);
      return { hasFailed };
    });
  });

  it("of the driver, and another store continues the run", async () => {
    await withEach(8, async (at) => {
      const path = freshPath();
      const other = sqliteStore(path);
      await other.listRuns();
      const { database, failed, heal } = faulty(path, at);
      const store = sqliteStore(database);
      const handle = collector().start({ store, runId: "r" });
      const result = handle.result.catch((thrown: any) => thrown);
      await Promise.race([result, until(waits(other, "r"))]);
      const sent: number[] = [];
      for (const i of [1, 2]) {
        await collector()
          .send("r", "ITEM", i, { store: other })
          .then(() => sent.push(i))
          .catch(() => {});
      }
      await collector()
        .send("r", "END", 0, { store: other })
        .catch(() => {});
      if (sent.length > 0) await Promise.race([result, sleep(700)]);
      const hasFailed = failed.length > 0;
      heal();
      await store.close();
      const side = openDatabase(path);
      side.prepare("update runs set lease_expires_at = 0 where lease_expires_at is not null").run([]);
      side.close();
      if ((await other.getRun("r")) !== undefined) {
        expect((await collector().resume("r", { store: other })).status, failed[0]).toMatch(/completed|paused/u);
        expect(await items(other, "r"), failed[0]).toEqual(sent);
      }
      await other.close();
      return { hasFailed };
    });
  }, 600_000);
});
