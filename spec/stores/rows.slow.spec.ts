import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, PauseRun, StoreError, ValidationError, next, waitForEvent } from "dagwright";
import { sqliteStore, type OpenDatabase, type SqlStore } from "dagwright/store";
import { openDatabase } from "../support/sqlite.js";
import { until } from "../support/waiting.js";

const TABLES = ["runs", "node_executions", "edge_traversals", "fsm_cycles", "events", "blobs", "blob_uses"] as const;
type Table = (typeof TABLES)[number];
type Row = Record<string, unknown>;

let store: SqlStore;
let database: OpenDatabase;
let recorded: ReadonlyMap<Table, readonly Row[]>;

/** A paused run with a fork, a failed node and errors. */
function dag() {
  const orders = new Dag("orders");
  orders.node("fetch", { params: ["n"] }, (n: number) => ({ n, at: new Date(5), bytes: Buffer.from("abc") }));
  orders.condition("isLarge", { needs: ["fetch"], params: ["o"] }, (o: any) => o.n > 1);
  orders.node("bulk", { needs: ["isLarge.true"], params: ["o"] }, (o: any) => o.n);
  orders.node("small", { needs: ["isLarge.false"], params: ["o"] }, (o: any) => o.n);
  orders.node("fails", { errorStrategy: "continue" }, () => {
    throw Object.assign(new TypeError("no", { cause: new Error("why") }), { code: "E" });
  });
  orders.node("approve", { needs: ["bulk"], params: ["b"] }, () => {
    throw new PauseRun("?");
  });
  orders.node("end", { needs: ["approve"], params: ["a"] }, (a) => [a]);
  return orders;
}

/** A paused run with a result that is stored as a blob. */
function large() {
  const texts = new Dag("texts");
  texts.node("large", () => "x".repeat(2 ** 20 + 1));
  texts.node("approve", () => {
    throw new PauseRun("?");
  });
  texts.node("length", { needs: ["large", "approve"], params: ["l", "a"] }, (l: any) => l.length);
  return texts;
}

/** A run that waits, with an event that it does not take yet. */
function fsm() {
  const order = new Fsm("order");
  order.state("open", { initial: true, params: ["n"] }, (n: number) => next("paid", { n }));
  order.state("paid", { params: ["data"] }, () => waitForEvent({ SHIP: "shipped", BACK: "open" }));
  order.state("shipped", { terminal: true, params: ["data"] }, (data: any) => data);
  return order;
}

beforeAll(async () => {
  database = openDatabase(":memory:");
  store = sqliteStore(database);
  await dag().run({ store, runId: "d", inputs: { n: 5 }, context: { metadata: { m: new Map([[1, 2]]) } } as any });
  await large().run({ store, runId: "l" });
  const end = new AbortController();
  const waiting = fsm().start({ store, runId: "f", inputs: { n: 5 }, signal: end.signal });
  const waits = () => database.prepare("select * from fsm_cycles where wait is not null").all([]).length > 0;
  await until(waits);
  database
    .prepare(
      "insert into events (run_id, root_id, id, number, event, payload, sent_at) values ('f', 'f', 'x', 7, 'OTHER', '[1]', 1)",
    )
    .run([]);
  database.prepare("update runs set owner = null, lease_expires_at = null").run([]);
  recorded = new Map(TABLES.map((table) => [table, database.prepare(`select * from ${table}`).all([]) as Row[]]));
  end.abort();
  await expect(waiting.result).rejects.toThrow();
});
afterAll(async () => {
  vi.restoreAllMocks();
  await store.close();
});

/** Restores all rows, by default except for blobs. */
function put(tables: readonly Table[] = TABLES.filter((table) => table !== "blobs")): void {
  database.prepare("begin").run([]);
  for (const table of tables) {
    database.prepare(`delete from ${table}`).run([]);
    for (const row of recorded.get(table) as Row[]) {
      const columns = Object.keys(row);
      const places = columns.map(() => "?").join(", ");
      database.prepare(`insert into ${table} (${columns.join(", ")}) values (${places})`).run(Object.values(row));
    }
  }
  database.prepare("commit").run([]);
}

/** Changes a column of a row. Returns false if the database rejects the value. */
function change(table: Table, row: Row, column: string, value: unknown): boolean {
  const keys = Object.keys(row).filter((key) => row[key] !== null);
  const where = keys.map((key) => `${key} = ?`).join(" and ");
  try {
    const statement = database.prepare(`update ${table} set ${column} = ? where ${where}`);
    return statement.run([value, ...keys.map((key) => row[key])]).changes === 1;
  } catch {
    return false;
  }
}

/** Reads a changed run. Returns the result, or the error that says what is wrong with the row. */
async function outcome(read: () => Promise<unknown>, { mayBeAnotherRun = false }): Promise<unknown> {
  const late = Symbol("late");
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise((resolve) => (timer = setTimeout(resolve, 20_000, late)));
  try {
    const value = await Promise.race([read(), slow]);
    expect(value).not.toBe(late);
    return value;
  } catch (error) {
    if (error instanceof StoreError) return error;
    if (error instanceof ValidationError && mayBeAnotherRun) return error;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function goOn(runId: string): Promise<unknown> {
  if (runId === "f") return fsm().resume("f", { store, send: { SHIP: 1 } });
  return (runId === "d" ? dag() : large()).resume(runId, { store, provide: { approve: 1 } });
}

/** The errors of all ways to read the run of a row. */
async function errorsOf(table: Table, row: Row, options: { mayBeAnotherRun?: boolean } = {}): Promise<StoreError[]> {
  // Several runs may share a blob.
  const runIds = table === "blobs" ? ["d", "l", "f"] : [table === "runs" ? row.id : row.run_id];
  const reads = runIds.flatMap((runId) => [() => store.getRun(runId as string), () => goOn(runId as string)]);
  if (table === "runs") reads.push(() => store.listRuns());
  const ends: unknown[] = [];
  for (const read of reads) ends.push(await outcome(read, options));
  return ends.filter((end): end is StoreError => end instanceof StoreError);
}

const WRONG: readonly unknown[] = [
  "",
  "x",
  "{}",
  "[]",
  "null",
  '[[1],["View",2],["Function","globalThis.ran = true"]]',
  '[[1],["class","Order",{}]]',
  "blob:none",
  Buffer.from("abc"),
  0,
  -1,
  1.5,
  2 ** 40,
  1e300,
  Infinity,
  null,
];

describe("A recorded run", () => {
  it("that is unchanged can be resumed", async () => {
    put(TABLES);
    for (const row of recorded.get("runs") as Row[]) expect(await errorsOf("runs", row)).toEqual([]);
  });

  const columns: [Table, string][] = [
    ["runs", "kind status fingerprint scope inputs outputs metadata error created_at finished_at fencing_token owner lease_expires_at"],
    ["runs", "key priority ready_at is_fresh recoveries request provided schedule"],
    ["node_executions", "attempt status worker output branch is_cached error reason started_at finished_at"],
    ["edge_traversals", "target input source output traversed_at"],
    ["fsm_cycles", "cycle state status attempts worker input event output error reason wait started_at finished_at"],
    ["events", "number event payload sent_at"],
    ["blobs", "hash data"],
  ]; // prettier-ignore
  it.each(columns.flatMap(([table, names]) => names.split(" ").map((name): [Table, string] => [table, name])))(
    "with a corrupt %s.%s is resumed, or names the column",
    async (table, column) => {
      for (const row of recorded.get(table) as Row[]) {
        for (const value of WRONG) {
          put(table === "blobs" ? TABLES : undefined);
          if (!change(table, row, column, value)) continue;
          const errors = await errorsOf(table, row, { mayBeAnotherRun: column === "kind" });
          for (const { code, message } of errors) {
            if (code === "LEASE_HELD") continue;
            expect(code).toBe("STORE");
            expect(message).toMatch(/[Rr]un "[dlf]"/u);
            if (table !== "blobs") expect(message, message).toMatch(new RegExp(`${column}|cycle \\d+ is missing`, "u"));
          }
          expect((globalThis as any).ran).toBeUndefined();
        }
      }
    },
    120_000,
  );

  it("that is unreadable can be deleted", async () => {
    for (const column of ["status", "kind", "fingerprint", "inputs", "metadata", "created_at", "scope"]) {
      put();
      if (!change("runs", (recorded.get("runs") as Row[])[0], column, "nonsense")) continue;
      const { id } = (recorded.get("runs") as Row[])[0];
      await store.delete(id as string);
      expect(await store.getRun(id as string)).toBeUndefined();
    }
    put(TABLES);
  });

  it.each(["soon", Buffer.from("aa"), Infinity, -Infinity])(
    "with the creation time %o does not end the pages",
    async (time) => {
      put(TABLES);
      database.prepare("update runs set created_at = ? where id = 'd'").run([time]);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.listRuns(cursor === undefined ? { limit: 1 } : { limit: 1, cursor });
        seen.push(...[...page.runs, ...page.unreadable].map(({ runId }) => runId));
        cursor = page.cursor;
      } while (cursor !== undefined && seen.length < 9);
      expect(seen.sort()).toEqual(["d", "f", "l"]);
    },
  );

  it("with any corrupt text is resumed, or throws a StoreError", async () => {
    const texts = TABLES.flatMap((table) =>
      (recorded.get(table) as Row[]).flatMap((row) =>
        Object.keys(row)
          .filter((column) => /^(?:inputs|metadata|output|outputs|error|wait|input|payload|data|scope)$/u.test(column))
          .filter((column) => typeof row[column] === "string")
          .map((column) => ({ table, row, column })),
      ),
    );
    const tokens = [
      "0",
      "1",
      "9",
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      '"',
      "null",
      '"Map"',
      '"class"',
      '"__proto__"',
      "[1]",
      '"then"',
      "",
    ];
    const edit = fc.tuple(fc.nat(), fc.nat(5), fc.constantFrom(...tokens));
    const property = fc.asyncProperty(fc.nat(), fc.array(edit, { minLength: 1, maxLength: 3 }), async (which, edits) => {
      const { table, row, column } = texts[which % texts.length];
      let text = row[column] as string;
      for (const [at, length, token] of edits) {
        const from = at % Math.min(text.length + 1, 500);
        text = text.slice(0, from) + token + text.slice(from + length);
      }
      put(TABLES);
      if (!change(table, row, column, text)) return;
      await errorsOf(table, row);
      expect(({} as any).polluted).toBeUndefined();
    }); // prettier-ignore
    await fc.assert(property, { numRuns: 150 });
  }, 600_000);

  it.each([
    ["delete from blobs where hash = (select fingerprint from runs where id = 'd')", "fingerprint"],
    ["update runs set scope = '[1]' where id = 'd'", "scope"],
    ["update runs set outputs = '{}' where id = 'd'", "outputs"],
    ["update runs set inputs = '[[1],[[5]]]' where id = 'd'", "inputs"],
    ["update runs set metadata = '[5]' where id = 'd'", "metadata"],
    ["update node_executions set attempt = -1 where node = 'fetch'", "attempt"],
    ["update node_executions set started_at = 'soon' where node = 'fetch'", "started_at"],
    ["update node_executions set started_at = 1e300 where node = 'fetch'", "started_at"],
    ["update runs set due_at = 8640000000000001 where id = 'd'", "due_at"],
    [`update runs set pauses = '[{"node":"approve","until":1e300}]' where id = 'd'`, "pauses"],
    [`update runs set pauses = '[{"node":"nobody"}]' where id = 'd'`, "pauses"],
    [`update runs set scope = '["nobody"]' where id = 'd'`, "scope"],
    [`update runs set outputs = '["nobody"]' where id = 'd'`, "outputs"],
    ["update runs set status = 'completed' where id = 'd'", "pauses"],
    ["update runs set status = 'failed', due_at = 1 where id = 'd'", "due_at"],
    ["update runs set fingerprint = '' where id = 'd'", "fingerprint"],
    ["update runs set is_fresh = 1 where id = 'd'", "is_fresh"],
    ["update runs set priority = 101 where id = 'd'", "priority"],
    ["update runs set recoveries = -1 where id = 'd'", "recoveries"],
    ["update runs set ready_at = 1, owner = 'somebody' where id = 'd'", "ready_at"],
    ["update runs set status = 'failed', ready_at = 1 where id = 'd'", "ready_at"],
    [`update runs set request = '{"kind":"sell"}' where id = 'd'`, "request"],
    ["update node_executions set node = 'nobody' where node = 'bulk'", "node"],
    ["update node_executions set branch = 'false' where node = 'isLarge'", "branch"],
    ["update node_executions set branch = 'maybe' where node = 'isLarge'", "branch"],
    ["update node_executions set branch = null where node = 'isLarge'", "branch"],
    ["update node_executions set branch = 'true' where node = 'bulk'", "branch"],
    ["delete from node_executions where node = 'fetch'", "status"],
    ["update node_executions set status = 'paused' where node = 'fetch'", "status"],
    ["update node_executions set status = 'done' where node = 'fetch'", "status"],
  ])("names a corrupt column: %s", async (statement, column) => {
    put(TABLES);
    database.prepare(statement).run([]);
    for (const read of [() => store.getRun("d"), () => dag().resume("d", { store })]) {
      await expect(read()).rejects.toMatchObject({ name: "StoreError", code: "STORE" });
      await expect(read()).rejects.toThrow(new RegExp(`"d".*"${column}"`, "u"));
    }
  });

  it.each([
    ["update edge_traversals set source = 'nobody'", "source"],
    ["update edge_traversals set target = 'nobody' || target", "target"],
    ["update edge_traversals set input = char(31) || 'x'", "input"],
    ["update edge_traversals set input = char(31) || '[1]'", "input"],
    ["update edge_traversals set output = char(31) || '{}'", "output"],
  ])("names a corrupt column of an edge to getRun: %s", async (statement, column) => {
    put(TABLES);
    database.prepare(statement).run([]);
    await expect(store.getRun("d")).rejects.toMatchObject({ name: "StoreError", code: "STORE" });
    await expect(store.getRun("d")).rejects.toThrow(new RegExp(`"d".*"${column}" of the edge from`, "u"));
  });

  it("names a conflict between the status and the wait of an fsm", async () => {
    put(TABLES);
    for (const [change, column] of [
      ["fsm_cycles set wait = null where run_id = 'rest'", "wait"],
      ["runs set status = 'completed' where id = 'rest'", "pause_reason"],
    ]) {
      await fsm().run({ store, runId: "rest", inputs: { n: 5 } });
      database.prepare(`update ${change}`).run([]);
      for (const read of [() => store.getRun("rest"), () => fsm().resume("rest", { store })]) {
        await expect(read()).rejects.toThrow(new RegExp(`"rest".*"${column}"`, "u"));
      }
      await store.delete("rest");
    }
  });

  it("names a missing output of a completed run", async () => {
    put(TABLES);
    const done = new Dag("done");
    done.node("a", () => 1);
    done.node("b", { needs: ["a"] }, (a: number) => a + 1);
    for (const change of ["set status = 'paused'", "set node = 'c'", ""]) {
      await done.run({ store, runId: "done" });
      const where = "where run_id = 'done' and node = 'b'";
      database
        .prepare(change === "" ? `delete from node_executions ${where}` : `update node_executions ${change} ${where}`)
        .run([]);
      const attached = () => done.start({ store, runId: "done", ifExists: "attach" }).result;
      for (const read of [() => store.getRun("done"), () => done.resume("done", { store }), attached]) {
        await expect(read()).rejects.toThrow(/"done".*"(?:outputs|node)"/u);
      }
      await store.delete("done");
    }
  });

  it("names the column of a missing blob", async () => {
    put(TABLES);
    database.prepare("delete from blobs where hash not in (select fingerprint from runs)").run([]);
    for (const read of [() => store.getRun("l"), () => large().resume("l", { store })]) {
      await expect(read()).rejects.toMatchObject({ name: "StoreError", code: "STORE" });
      await expect(read()).rejects.toThrow(/"l".*"output"/u);
    }
  });

  it.each([
    ["update fsm_cycles set wait = '{}' where wait is not null", "wait"],
    [`update fsm_cycles set wait = '{"events":[],"after":{"at":1e300,"state":"open"}}' where wait is not null`, "wait"],
    ["update fsm_cycles set wait = replace(wait, 'shipped', 'nowhere')", "wait"],
    ["update fsm_cycles set state = 'nowhere' where cycle = 1", "state"],
    ["delete from fsm_cycles where cycle = 0", "cycle 0"],
  ])("names a corrupt column of an fsm: %s", async (statement, column) => {
    put(TABLES);
    database.prepare(statement).run([]);
    for (const read of [() => store.getRun("f"), () => fsm().resume("f", { store })]) {
      await expect(read()).rejects.toMatchObject({ name: "StoreError", code: "STORE" });
      await expect(read()).rejects.toThrow(new RegExp(`"f".*${column}`, "u"));
    }
  });
});

it("takes up runs that were reopened by hand", async () => {
  const directory = mkdtempSync(join(tmpdir(), "rows-"));
  const path = join(directory, "runs.db");
  const chain = new Dag("chain");
  chain.node("a", { params: ["n"] }, (n: number) => n);
  chain.node("b", { needs: ["a"], params: ["a"] }, (a: number) => a + 1);
  const before = sqliteStore(path);
  await chain.run({ store: before, runId: "r", inputs: { n: 1 } });
  await before.close();
  const side = openDatabase(path);
  side.prepare("update runs set status = 'running', owner = 'dead', lease_expires_at = 1, finished_at = null").run([]);
  side.prepare("delete from node_executions where node = 'b'").run([]);
  side.close();
  const file = sqliteStore(path);
  expect(await file.getRun("r")).toMatchObject({ status: "running", outputs: {} });
  const [run] = await chain.recover({ store: file });
  expect(run).toMatchObject({ runId: "r", status: "completed", value: 2 });
  await file.close();
  rmSync(directory, { recursive: true });
});

describe("An unsafe integer", () => {
  it.each([
    ["node_executions", "attempt"],
    ["node_executions", "is_cached"],
    ["runs", "fencing_token"],
  ])("in %s.%s of a file is named as corrupt", async (table, column) => {
    const directory = mkdtempSync(join(tmpdir(), "rows-"));
    const path = join(directory, "runs.db");
    const file = sqliteStore(path);
    await dag().run({ store: file, runId: "d", inputs: { n: 5 } });
    const side = openDatabase(path);
    side.prepare(`update ${table} set ${column} = 9007199254740993`).run([]);
    side.close();
    for (const read of [() => file.getRun("d"), () => dag().resume("d", { store: file })]) {
      await expect(read()).rejects.toMatchObject({ name: "StoreError", code: "STORE" });
      await expect(read()).rejects.toThrow(new RegExp(`"d".*"${column}"`, "u"));
    }
    await file.close();
    rmSync(directory, { recursive: true });
  });
});

describe("A corrupt cache entry", () => {
  it("is a miss with a warning, and executes no code", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    let calls = 0;
    const rates = new Dag("rates");
    rates.node("rate", { cache: { store: store.cache } }, () => ({ rate: ++calls }));
    await rates.run();
    const wrong: [string, unknown][] = WRONG.filter((value) => value !== null).map((value) => ["value", value]);
    for (const name of ["Function", "eval", "Proxy", "setTimeout"]) {
      wrong.push(["value", JSON.stringify([[1], { then: [2] }, ["View", [3]], [name, "globalThis.ran = true"]])]);
    }
    for (const [column, value] of [...wrong, ["stored_at", "x"], ["expires_at", "x"]] as [string, unknown][]) {
      const before = calls;
      database.prepare(`update cache_entries set ${column} = ?`).run([value]);
      warned.mockClear();
      const { value: result } = await rates.run();
      expect(result).toEqual({ rate: before + 1 });
      expect(warned.mock.calls[0][0]).toMatch(new RegExp(`"${column}" of cache entry`, "u"));
    }
    expect((globalThis as any).ran).toBeUndefined();
  });
});

describe("A recorded value", () => {
  it("of a failed node has the properties of its error", async () => {
    put(TABLES);
    const failed = (await store.getRun("d"))?.nodes.get("fails")?.error;
    expect(failed).toMatchObject({ name: "TypeError", message: "no", code: "E", cause: { message: "why" } });
    expect(failed).toBeInstanceOf(TypeError);
  });
});
