import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, stop, StoreError, type Context } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { faulty, openDatabase } from "../support/sqlite.js";

let folder: string;
let number = 0;
let warnings: { mock: { calls: unknown[][] } };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-faults-"));
  warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});
const freshPath = () => join(folder, `${number++}.db`);

const thrown = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

function diamond(calls: string[]): Dag<any> {
  const dag = new Dag<any>("diamond");
  const called = (ctx: Context, value: number) => (calls.push(ctx.nodeName), value);
  dag.node("a", (ctx: Context) => ((ctx.metadata.a = 1), called(ctx, 1)));
  dag.node("b", { needs: ["a"] }, (a: number, ctx: Context) => called(ctx, a + 1));
  dag.node("c", { needs: ["a"] }, async (a: number, ctx: Context) => called(ctx, a + 2));
  dag.condition("d", { needs: ["b"] }, (b: number, ctx: Context) => (called(ctx, b), true));
  dag.node("e", { needs: ["d.true", "c"] }, (d: number, c: number, ctx: Context) => called(ctx, d * c));
  dag.node("f", { needs: ["d.false"] }, () => expect.unreachable());
  return dag;
}

describe("A store in which one statement after another fails", () => {
  it.each(["sequential", "async"] as const)("fails the run, which completes when it is resumed (%s)", async (mode) => {
    const clean = faulty(freshPath(), -1);
    const healthy = sqliteStore(clean.database);
    await healthy.listRuns();
    const opened = clean.count();
    await diamond([]).run({ store: healthy, mode });
    const total = clean.count();
    await healthy.close();
    expect(total).toBeGreaterThan(20);

    for (let at = opened; at < total; at++) {
      const path = freshPath();
      const { database, failed, heal } = faulty(path, at);
      const store = sqliteStore(database, { lease: 60_000 });
      const calls: string[] = [];
      const error = await thrown(diamond(calls).run({ store, mode, runId: "r" }));
      heal();
      const [sql] = failed;
      // Timing decides how many entries share a transaction.
      if (sql !== undefined) expect(error, `statement ${at}: ${sql}`).toBeInstanceOf(StoreError);

      const other = sqliteStore(path);
      const before = await other.getRun("r");
      await other.close();
      const remedy = before === undefined ? "start the run again: it was not recorded" : "resume the run";
      if (error?.code === "STORE") expect(error.message).toContain(`Fix that and ${remedy}.`);
      const kept = Array.from(before?.nodes ?? []).filter(([, node]) => node.status === "completed");
      calls.length = 0;
      const again =
        before === undefined
          ? await diamond(calls).run({ store, mode, runId: "r" })
          : await diamond(calls).resume("r", { store, mode });
      expect(again.status).toBe("completed");
      expect({ ...again.results }).toEqual({ a: 1, b: 2, c: 3, d: 2, e: 6 });
      expect(again.context.metadata).toEqual({ a: 1 });
      for (const [name] of kept) expect(calls, `statement ${at}: ${sql}`).not.toContain(name);
      const after = (await store.getRun("r"))!;
      expect(after.status).toBe("completed");
      expect(after.nodes.get("f")?.status).toBe("skipped");
      await store.close();
    }
  });

  it("fails the fsm's run, which continues where it was when it is resumed", async () => {
    const machine = (calls: string[]) => {
      const fsm = new Fsm<any>("machine");
      const called = (ctx: any, outcome: unknown) => (calls.push(`${ctx.nodeName}.${ctx.cycle}`), outcome);
      fsm.state("a", { initial: true }, (ctx: any) => called(ctx, next("b", 1)));
      fsm.state("b", (n: number, ctx: any) => called(ctx, n < 3 ? next("b", n + 1) : next("c", n)));
      fsm.state("c", (n: number, ctx: any) => called(ctx, stop(n * 2)));
      return fsm;
    };
    const clean = faulty(freshPath(), -1);
    const healthy = sqliteStore(clean.database);
    await healthy.listRuns();
    const opened = clean.count();
    await machine([]).run({ store: healthy });
    const total = clean.count();
    await healthy.close();
    for (let at = opened; at < total; at++) {
      const path = freshPath();
      const { database, failed, heal } = faulty(path, at);
      const store = sqliteStore(database);
      const calls: string[] = [];
      const error = await thrown(machine(calls).run({ store, runId: "r" }));
      heal();
      if (failed.length > 0) expect(error, `statement ${at}: ${failed[0]}`).toBeInstanceOf(StoreError);
      const before = await store.getRun("r");
      calls.length = 0;
      const again =
        before === undefined
          ? await machine(calls).run({ store, runId: "r" })
          : await machine(calls).resume("r", { store });
      expect([again.value, again.stateHistory]).toEqual([6, ["a", "b", "b", "b", "c"]]);
      for (const { cycle, status } of before?.cycles ?? []) {
        if (status === "completed") expect(calls.map((call) => Number(call.slice(2)))).not.toContain(cycle);
      }
      await store.close();
    }
  });

  it("rejects with the first error, and warns about later ones, when all writes fail", async () => {
    const broken = faulty(freshPath(), 40, { lasting: true });
    const store = sqliteStore(broken.database);
    expect(await thrown(diamond([]).run({ store }))).toBeInstanceOf(StoreError);
    await store.close();
    expect(warnings.mock.calls.filter(([text]) => !String(text).includes("could not be"))).toEqual([]);
  });
});

describe("A database that can't be written", () => {
  it("fails the run with a StoreError if the disk is full; resuming it later completes it", async () => {
    const path = freshPath();
    const small = openDatabase(path);
    const dag = new Dag<any>("big");
    dag.node("small", () => "s");
    dag.node("large", { needs: ["small"] }, () => "x".repeat(3_000_000));
    dag.node("length", { needs: ["large"] }, (text: string) => text.length);
    const store = sqliteStore(small);
    await store.listRuns();
    small.prepare("pragma max_page_count = 120").all([]);
    const error = await thrown(dag.run({ store, runId: "r" }));
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).toMatch(/full/u);
    expect(error.run.status).toBe("failed");
    await store.close();
    const roomy = sqliteStore(path, { lease: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const held = openDatabase(path);
    held.prepare("update runs set lease_expires_at = 0 where lease_expires_at is not null").run([]);
    held.close();
    expect((await dag.resume("r", { store: roomy })).value).toBe(3_000_000);
    await roomy.close();
  });

  it("fails the run before any node starts if it is read-only", async () => {
    const path = freshPath();
    const store = sqliteStore(path);
    await store.listRuns();
    const { runId } = await diamond([]).run({ store });
    await store.close();
    const file = openDatabase(path);
    file.prepare("pragma query_only = on").run([]);
    const reading = sqliteStore(file);
    expect((await reading.getRun(runId))?.status).toBe("completed");
    for (const changing of [reading.delete("nope"), reading.cancel(runId), reading.prune({ keepLast: 0 })]) {
      expect((await thrown(changing)).message).toMatch(/can't be written: .+\. Fix that and try again\.$/u);
    }
    const calls: string[] = [];
    const error = await thrown(diamond(calls).run({ store: reading }));
    expect(error).toBeInstanceOf(StoreError);
    expect(error.message).toMatch(/readonly|read-only/u);
    expect(calls).toEqual([]);
    await reading.close();
  });
});
