import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dag, Fsm, getContext, next, node, stop, type Context, type FsmContext } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { crashAtEveryWrite } from "dagwright/testing";
import { afterAll, describe, expect, it } from "vitest";

const store = () => sqliteStore(":memory:");

/** Charges a card, and sends a mail; only one of these tells the other side which call it is. */
class Orders {
  static readonly charges: string[] = [];
  static readonly mails: string[] = [];

  @node order(): number {
    return 10;
  }
  @node("order") charge(amount: number, ctx: Context): string {
    Orders.charges.push(ctx.idempotencyKey);
    return `paid ${amount}`;
  }
  @node("charge") async mail(paid: string): Promise<string> {
    await Promise.resolve();
    Orders.mails.push(paid);
    return "sent";
  }
}

describe("crashAtEveryWrite", () => {
  it("finds the nodes that are called twice, unless they ask for their key", async () => {
    const report = await crashAtEveryWrite(Orders, { store });
    expect(report).toEqual({ writes: expect.any(Number), calledTwice: ["order", "mail"] });
    expect(report.writes).toBeGreaterThanOrEqual(4);
    expect(new Set(Orders.charges).size).toBeLessThan(Orders.charges.length);
    expect(await crashAtEveryWrite(Dag.from(Orders), { store, mode: "async" })).toEqual(report);
  });

  it("crashes once at each write, and loses just what was not written", async () => {
    const calls: string[] = [];
    const dag = new Dag("chain");
    dag.node("a", (ctx: Context) => void calls.push(`a${ctx.attempt}`));
    dag.node("b", { after: ["a"] }, (ctx: Context) => void calls.push(`b${ctx.attempt}`));
    const { writes } = await crashAtEveryWrite(dag, { store });
    // The run and its first node; a's end with b's start; b's end with that of the run.
    const runs = calls.join(" ").split(/ (?=a1)/u);
    expect(runs[0]).toBe("a1 b1");
    expect(runs).toHaveLength(1 + writes);
    expect(runs.slice(1)).toContain("a1 a2 b1");
    expect(runs.slice(1)).toContain("a1 b1 b2");
  });

  it("crashes workflows with maps, workflows inside, and calls of others", { tags: "slow" }, async () => {
    const inner = new Dag("inner");
    inner.node("step", (x: number) => x + 1);
    const called = new Dag("called");
    called.node("leaf", (ctx: Context) => ctx.idempotencyKey.length > 0);
    const dag = new Dag("outer");
    dag.node("list", (ctx: Context) => [ctx.idempotencyKey, 2]);
    dag.map("items", { needs: ["list"] }, (item: unknown) => String(item).length);
    dag.node("inside", inner);
    dag.node("calls", async (ctx: Context) => (await ctx.run(called)).status);
    dag.node("asks", async () => (await Promise.resolve(), getContext()?.idempotencyKey));
    const { calledTwice } = await crashAtEveryWrite(dag, { store, inputs: { x: 1 } });
    expect(calledTwice.toSorted()).toEqual(["calls", "inside.step", "items"]);
  });

  it("crashes state machines, cycle by cycle", async () => {
    const fsm = new Fsm<any>("counter");
    fsm.state("count", { initial: true, to: ["count", "end"] }, (n: number, ctx: FsmContext) =>
      ctx.cycle < 2 ? next("count", n + 1) : next("end", n),
    );
    fsm.state("end", (n: number, ctx: FsmContext) => stop([n, ctx.idempotencyKey]));
    const report = await crashAtEveryWrite(fsm, { store, inputs: { n: 0 } });
    expect(report).toEqual({ writes: expect.any(Number), calledTwice: ["count"] });
    expect(report.writes).toBeGreaterThanOrEqual(4);
  });

  const folder = mkdtempSync(join(tmpdir(), "dagwright-crash-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("takes files, and options of runs", async () => {
    let files = 0;
    const dag = new Dag("inputs");
    dag.node("a", (x: number, ctx: Context) => [x, ctx.metadata.of]);
    const options = {
      store: () => sqliteStore(join(folder, `${files++}.db`)),
      inputs: { x: 1 },
      metadata: { of: "m" },
    };
    const report = await crashAtEveryWrite(dag, options);
    expect(report).toEqual({ writes: files - 1, calledTwice: ["a"] });
  });

  it("takes runs that fail, and says when one ends otherwise after a crash", async () => {
    const failing = new Dag("failing");
    failing.node("bad", () => {
      throw new Error("bad");
    });
    expect(await crashAtEveryWrite(failing, { store })).toMatchObject({ calledTwice: ["bad"] });
    let calls = 0;
    const fragile = new Dag("fragile");
    fragile.node("once", () => {
      if (++calls > 2) throw new Error("a second time");
    });
    await expect(crashAtEveryWrite(fragile, { store })).rejects.toThrow(
      /^After a crash at write 1, the run ends as failed; without a crash, it is "completed".*a second time/u,
    );
  });

  it("refuses what it can't crash", async () => {
    await expect(crashAtEveryWrite(Orders, {} as never)).rejects.toThrow('"store" must be a function');
    await expect(crashAtEveryWrite(Orders, { store, mode: "parallel" } as never)).rejects.toThrow(
      "what functions on worker threads ask for can't be seen",
    );
    await expect(crashAtEveryWrite(Orders, { store, runId: "x" } as never)).rejects.toThrow('Unknown option "runId"');
    await expect(crashAtEveryWrite(Orders, { store: () => ({}) } as never)).rejects.toThrow('"store" must be a store');
    const one = store();
    await expect(crashAtEveryWrite(Orders, { store: () => one })).rejects.toThrow("must make a new store each time");
  });
});
