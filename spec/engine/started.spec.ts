import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CancelledError, Dag, type Context, type ExecutionError, type RunEvent, type RunHandle } from "dagwright";
import { gate, sleep } from "../support/waiting.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** @param second - the promise that its second node waits for */
function slowDag(second: () => Promise<void> = () => sleep(5)): Dag {
  const dag = new Dag("slow");
  dag.node("a", () => 1);
  dag.node("b", { needs: ["a"] }, (x: number) => second().then(() => x + 1));
  dag.node("c", { needs: ["b"] }, (x: number, ctx: Context) => {
    ctx.progress(0.5, "half");
    return x + 1;
  });
  return dag;
}

async function collect(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const list: RunEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

const brief = (events: readonly RunEvent[]) =>
  events.map((event) => event.type + ("node" in event ? ` ${event.node}` : ""));

/** The events of {@link slowDag} until it first waits. */
const BEGINNING = [
  "run.started",
  "node.ready a",
  "attempt.started a",
  "node.completed a",
  "node.ready b",
  "attempt.started b",
];

describe("A started run", () => {
  it("has all events for a stream that is opened at once, as for an observer", async () => {
    const heard: RunEvent[] = [];
    const handle = slowDag().start({ mode: "async", observers: [(event) => heard.push(event)] });
    const events = await collect(handle.events());
    expect(events).toEqual(heard);
    expect(brief(events)).toEqual([
      ...BEGINNING,
      "node.completed b",
      "node.ready c",
      "attempt.started c",
      "node.progress c",
      "node.completed c",
      "run.finished",
    ]);
    expect(new Set(events.map(({ runId }) => runId))).toEqual(new Set([handle.runId]));
  });

  it("has the further events for streams that are opened later, several at once", async () => {
    const { opened, open } = gate();
    const handle = slowDag(() => opened).start({ mode: "async" });
    const all = collect(handle.events());
    await turn();
    const late = collect(handle.events());
    open();
    const later = await late;
    expect(brief(later)).toEqual(brief(await all).slice(brief(await all).indexOf("node.completed b")));
    expect((await handle.result).value).toBe(3);
  });

  it("can be observed from its middle on", async () => {
    const { opened, open } = gate();
    const handle = slowDag(() => opened).start({ mode: "async" });
    await turn();
    const events = collect(handle.events());
    open();
    expect(brief(await events)).toEqual([
      "node.completed b",
      "node.ready c",
      "attempt.started c",
      "node.progress c",
      "node.completed c",
      "run.finished",
    ]);
  });

  it("has no events after its end, buffers unread ones, and stops for streams that are left", async () => {
    const handle = slowDag().start();
    const unread = handle.events();
    const left = handle.events();
    for await (const event of left) if (event.type === "node.ready") break;
    await handle.result;
    expect(await collect(handle.events())).toEqual([]);
    expect((await collect(unread)).length).toBe(12);
    expect(await left.next()).toEqual({ done: true, value: undefined });
  });

  it("ends its events when it fails, and when it is cancelled", async () => {
    const dag = slowDag();
    dag.node("boom", { needs: ["b"], params: ["x"] }, () => {
      throw new Error("boom");
    });
    const failing = dag.start({ mode: "async" });
    failing.result.catch(() => {});
    const told = brief(await collect(failing.events()));
    expect(told).toContain("node.failed boom");
    expect(told.at(-1)).toBe("run.finished");
    const cancelled = slowDag().start({ mode: "async" });
    const events = collect(cancelled.events());
    await turn();
    const partial = await cancelled.cancel("enough");
    cancelled.result.catch(() => {});
    expect(partial.status).toBe("cancelled");
    expect(brief(await events)).toEqual([...BEGINNING, "node.cancelled b", "node.cancelled c", "run.finished"]);
  });

  it("is cancelled within one turn of the event loop even if its nodes ignore the signal, and again without effect", async () => {
    const dag = new Dag("deaf");
    dag.node("done", () => "done");
    dag.node(
      "deaf",
      { retry: 2, timeout: 10_000, hooks: { cleanup: () => sleep(10_000) } },
      () => new Promise(() => {}),
    );
    dag.node("behind", { needs: ["deaf"], params: ["x"] }, () => 1);
    const handle = dag.start({ mode: "async" });
    await turn();
    let settled = false;
    const first = handle.cancel("first").then((run) => ((settled = true), run));
    await turn();
    await turn();
    expect(settled).toBe(true);
    const partial = await first;
    expect(Array.from(partial.nodes.values(), ({ status }) => status)).toEqual(["completed", "cancelled", "cancelled"]);
    expect(partial.get("done")).toBe("done");
    expect(await handle.cancel("second")).toBe(partial);
    const error = (await handle.result.catch((e: unknown) => e)) as CancelledError;
    expect(error).toBeInstanceOf(CancelledError);
    expect([error.cause, error.run]).toEqual(["first", partial]);
  });

  it("can't be cancelled after its end", async () => {
    const handle = slowDag().start();
    const run = await handle.result;
    expect(await handle.cancel()).toBe(run);
    expect(run.status).toBe("completed");
  });

  it("calls each node at most once, and ends, whatever is done to it at any moment", { tags: "slow" }, async () => {
    const how = fc.record({
      kind: fc.constantFrom("sync" as const, "async" as const, "later" as const, "thenable" as const),
      // The distance to the node that it needs, which is most often the previous one.
      back: fc.constantFrom(0, 1, 1, 1, 2),
      fails: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    });
    const deed = fc.record({
      what: fc.constantFrom("pause" as const, "cancel" as const, "listen" as const),
      // In the call of a node, or a number of microtasks after the start.
      when: fc.nat(7),
      isInCall: fc.boolean(),
    });
    const options = fc.constantFrom(
      {},
      { mode: "async" } as const,
      { mode: "async", concurrency: 1 } as const,
      { mode: "async", concurrency: 2, errorStrategy: "continue" } as const,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(how, { minLength: 1, maxLength: 7 }), deed, options, async (nodes, act, given) => {
        const calls = nodes.map(() => 0);
        const listening: Promise<RunEvent[]>[] = [];
        let handle = undefined as RunHandle | undefined;
        const doIt = () => {
          if (handle === undefined) return;
          if (act.what === "listen") listening.push(collect(handle.events()));
          else handle[act.what]().catch(() => {});
        };
        const dag = new Dag("moments", { autowire: false });
        nodes.forEach(({ kind, back, fails }, i) => {
          const work = (x = 0) => {
            calls[i]++;
            if (act.isInCall && act.when === i) doIt();
            if (fails) throw new Error("boom");
            return x + 1;
          };
          const functions: Record<typeof kind, (x?: number) => unknown> = {
            sync: work,
            async: async (x?: number) => work(x),
            later: (x?: number) => Promise.resolve().then(() => work(x)),
            thenable: (x?: number) => ({ then: (fulfil: (value: number) => void) => fulfil(work(x)) }),
          };
          const needs = back === 0 || i < back ? [] : [`n${i - back}`];
          dag.node(`n${i}`, { needs, params: needs.length > 0 ? ["x"] : [] }, functions[kind]);
        });
        handle = dag.start(given);
        if (!act.isInCall) {
          let soon = Promise.resolve();
          for (let i = 0; i < act.when; i++) soon = soon.then(() => {});
          void soon.then(doIt);
        }
        const run = await handle.result.catch((error: unknown) => (error as ExecutionError).run as typeof dag.lastRun);
        await Promise.all(listening);
        const statuses = Array.from(run?.nodes.values() ?? [], ({ status }) => status);
        expect(statuses.length).toBe(nodes.length);
        const expected = { completed: [1], failed: [1], cancelled: [0, 1], skipped: [0], pending: [0], ready: [0] };
        statuses.forEach((status, i) => expect(expected[status as keyof typeof expected], status).toContain(calls[i]));
        if (run?.status === "completed") expect(new Set(statuses)).toEqual(new Set(["completed"]));
      }),
      { numRuns: 500 },
    );
  });

  it("does not begin with an aborted signal", async () => {
    const dag = slowDag();
    const handle = dag.start({ signal: AbortSignal.abort("no") });
    const events = collect(handle.events());
    await expect(handle.result).rejects.toThrow(CancelledError);
    expect(await events).toEqual([]);
    expect(dag.lastRun?.nodes.get("a")?.status).toBe("cancelled");
  });
});
