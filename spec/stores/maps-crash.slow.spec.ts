import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Dag, type Context } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { faulty, openDatabase } from "../support/sqlite.js";

let folder: string;
let number = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-maps-"));
  vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

type Kind = "function" | "workflow" | "calls" | "plain";
type Shape = "list" | "map" | "record" | "iterable" | "async";
interface Step {
  readonly kind: Kind;
  readonly shape: Shape;
  readonly size: number;
  readonly isAsync: boolean;
  readonly concurrency: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Kind>("function", "workflow", "calls", "plain"),
    shape: fc.constantFrom<Shape>("list", "map", "record", "iterable", "async"),
    size: fc.nat(5),
    isAsync: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);

function collection(shape: Shape, size: number, seed: number): unknown {
  const entries = Array.from({ length: size }, (_, i) => [i % 2 === 0 ? i : `${i - 1}`, seed + i] as const);
  switch (shape) {
    case "map":
      return new Map<unknown, number>(entries);
    case "record":
      return Object.fromEntries(entries.map(([, value], i) => [`k.${i}[`, value]));
    case "iterable":
      return new Set(entries.map(([, value]) => value));
    case "async":
      return (async function* () {
        yield* entries.map(([, value]) => value);
      })();
    default:
      return entries.map(([, value]) => value);
  }
}

/** A workflow of maps and `ctx.run`, one after the other, whose calls are told in `calls`. */
function build(list: readonly Step[], calls: string[]): Dag<any> {
  const result = (value: unknown, isAsync: boolean) => (isAsync ? Promise.resolve(value) : value);
  const dag = new Dag<any>("maps");
  dag.node("seed", () => 1);
  list.forEach(({ kind, shape, size, isAsync, concurrency }, i) => {
    const before = i === 0 ? "seed" : `sum${i - 1}`;
    const called = (ctx: Context, value: unknown) => (calls.push(ctx.idempotencyKey), result(value, isAsync));
    const inner = new Dag<any>(`inner${i}`);
    inner.node("twice", (n: number, ctx: Context) => called(ctx, 2 * n));
    inner.node("more", { needs: ["twice"] }, (n: number, ctx: Context) => called(ctx, n + 1));
    if (kind === "plain") {
      dag.node(`sum${i}`, { needs: [before] }, (n: number, ctx: Context) => called(ctx, n + 1));
      return;
    }
    if (kind === "calls") {
      dag.node(`sum${i}`, { needs: [before] }, async (n: number, ctx: Context) => {
        let sum = 0;
        for (let key = 0; key < size; key++) sum += (await ctx.run(inner, { inputs: { n: n + key } })).value as number;
        return sum;
      });
      return;
    }
    dag.node(`list${i}`, { needs: [before] }, (n: number) => collection(shape, size, n));
    const options = { needs: [`list${i}`], concurrency };
    if (kind === "workflow") dag.map(`map${i}`, options, inner);
    else dag.map(`map${i}`, options, (n: number, ctx: Context) => called(ctx, n * 3));
    dag.node(`sum${i}`, { needs: [`map${i}`] }, (of: any) => {
      const values: number[] = Array.isArray(of) ? of : of instanceof Map ? Array.from(of.values()) : Object.values(of);
      return values.reduce((a, b) => a + b, 0) % 1000;
    });
  });
  return dag;
}

/** The idempotency keys of what completed durably, in all runs of a database. */
function completedIn(path: string): string[] {
  const database = openDatabase(path);
  const rows = database.prepare("select run_id, node from node_executions where status = 'completed'").all([]) as {
    run_id: string;
    node: string;
  }[];
  database.close();
  return rows.map(({ run_id, node }) => `${run_id}/${node}`);
}

/** Whether a failed statement is at the root of an error. */
function isInjected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message === "disk I/O error" || isInjected(error.cause);
}

function isRecorded(path: string): boolean {
  const database = openDatabase(path);
  const rows = database.prepare("select id from runs where id = 'r'").all([]);
  database.close();
  return rows.length > 0;
}

describe("A recorded run of maps and runs inside", () => {
  it("that stops at any write gives, when it is resumed, what an unrecorded run gives, and calls nothing twice", async () => {
    const property = async (list: readonly Step[], at: number, mode: "sequential" | "async") => {
      const expected = await build(list, []).run({ mode });
      const path = join(folder, `${number++}.db`);
      const first = faulty(path, -1);
      const fresh = sqliteStore(first.database);
      await fresh.listRuns();
      const opening = first.count();
      await fresh.close();
      const calls: string[] = [];
      for (let attempt = 0; ; attempt++) {
        const isLast = attempt === 3;
        const { database, heal } = faulty(path, isLast ? Infinity : opening + at * (attempt + 1));
        const store = sqliteStore(database);
        try {
          const done = completedIn(path);
          calls.length = 0;
          const exists = isRecorded(path);
          const run = await (exists
            ? build(list, calls).resume("r", { store, mode })
            : build(list, calls).run({ store, runId: "r", mode }));
          expect(calls.filter((call) => done.includes(call))).toEqual([]);
          expect({ ...run.results }).toEqual({ ...expected.results });
          for (const [i, { kind, size, shape }] of list.entries()) {
            if (kind === "calls" && size > 0) expect(run.get(`sum${i}[0].more`)).toBeTypeOf("number");
            if (kind === "workflow" && size > 0 && shape === "list") {
              expect(run.get(`map${i}[0].twice`)).toBe(expected.get(`map${i}[0].twice`));
            }
          }
          return;
        } catch (error) {
          if (isLast || !isInjected(error)) throw error;
        } finally {
          heal();
          await store.close().catch(() => {});
          const healthy = openDatabase(path);
          healthy.prepare("update runs set lease_expires_at = 0 where lease_expires_at is not null").run([]);
          healthy.close();
        }
      }
    };
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(120), fc.constantFrom("sequential" as const, "async" as const), property),
      { numRuns: 200 },
    );
  });
});
