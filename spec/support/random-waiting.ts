import fc from "fast-check";
import { vi } from "vitest";
import { Dag, Scheduler, stream, type Context, type NodeOptions, type RunOptions } from "dagwright";

/**
 * Random programs of all that nodes can wait for: keys, slots, throttles, retries, cached results, items of streams,
 * room for them, and runs inside. Workflows call only later ones.
 */
export interface Program {
  readonly workflows: readonly (readonly Part[])[];
  readonly options: Pick<RunOptions, "mode" | "concurrency">;
  /** The slots of a scheduler; 0 for none. */
  readonly slots: number;
  /** How many runs of the first workflow begin at once. */
  readonly runs: number;
}

const KINDS = ["plain", "source", "pass", "sink", "map", "items", "inner", "innerItems"] as const;

/** A node of a workflow. Numbers are reduced to what there is. */
export interface Part {
  readonly kind: (typeof KINDS)[number];
  readonly from: readonly number[];
  readonly key: number;
  readonly buffer: number;
  readonly count: number;
  readonly isThrottled: boolean;
  readonly isCached: boolean;
  /** Whether its first attempt fails. */
  readonly isUnsteady: boolean;
  readonly steps: readonly Step[];
}

/** What a node does, for each item if it streams any. */
export interface Step {
  readonly kind: "turn" | "microtask" | "sleep" | "call" | "callTwice" | "callBeside";
  readonly workflow: number;
}

/** A node of which only what matters is given. */
export function part(given: Partial<Part>): Part {
  const flags = { isThrottled: false, isCached: false, isUnsteady: false };
  return { kind: "plain", from: [0], key: -1, buffer: 2, count: 1, steps: [], ...flags, ...given };
}

const stepOf: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("turn", "microtask", "sleep", "call", "call", "callTwice", "callBeside"),
  workflow: fc.nat(3),
});

const partOf: fc.Arbitrary<Part> = fc.record({
  kind: fc.constantFrom(...KINDS, "plain", "source", "sink"),
  from: fc.array(fc.nat(20), { minLength: 1, maxLength: 2 }),
  key: fc.integer({ min: -2, max: 2 }),
  buffer: fc.integer({ min: 1, max: 2 }),
  count: fc.integer({ min: 1, max: 3 }),
  isThrottled: fc.nat(7).map((n) => n === 0),
  isCached: fc.nat(4).map((n) => n === 0),
  isUnsteady: fc.nat(7).map((n) => n === 0),
  steps: fc.array(stepOf, { maxLength: 2 }),
});

export const programs: fc.Arbitrary<Program> = fc.record({
  workflows: fc.array(fc.array(partOf, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
  options: fc.constantFrom(
    { mode: "sequential" as const },
    { mode: "async" as const },
    { mode: "async" as const, concurrency: 1 },
    { mode: "async" as const, concurrency: 2 },
    { mode: "async" as const, concurrency: 3 },
  ),
  slots: fc.nat(2),
  runs: fc.integer({ min: 1, max: 3 }),
});

type Items = AsyncIterable<number>;
type Work = (ctx: Context) => Promise<void>;

/** The kinds of nodes in streams. */
const STREAMING = ["source", "pass", "map", "sink"];

/** A node to be added to a workflow. */
interface Site {
  readonly name: string;
  readonly kind: Part["kind"];
  readonly part: Part;
  readonly key: number | undefined;
  /** The number of the workflow. */
  readonly at: number;
  readonly from: readonly string[];
}

let built = 0;

/** A program that runs. */
export class Running {
  /** The sharpest excess of a limit that was seen. */
  excess: string | undefined = undefined;
  /** Counts whatever its nodes do. */
  activity = 0;
  /** What works at present. */
  private readonly busy = new Set<Context>();
  private readonly name = `program ${built++}`;
  private readonly dags: Dag<any>[] = [];
  private readonly keys: ReadonlySet<number>[] = [];
  private readonly holders = new Map<number, Set<Context>>();
  private readonly scheduler: Scheduler | undefined;

  /**
   * @param how - how nodes call workflows: by `ctx.run`, or by `run` with the same scheduler
   * @param isOrdered - whether who holds a key waits only for later ones, so that no circle is the user's own
   */
  constructor(
    private readonly program: Program,
    private readonly how: "ctx.run" | "run",
    private readonly isOrdered: boolean,
  ) {
    const { workflows, slots } = program;
    this.scheduler = slots === 0 ? undefined : new Scheduler({ maxConcurrency: slots });
    for (let k = workflows.length - 1; k >= 0; k--) this.build(workflows[k], k);
  }

  private get options(): RunOptions<any> {
    return { ...this.program.options, scheduler: this.scheduler };
  }

  run(): Promise<PromiseSettledResult<unknown>[]> {
    const runs = Array.from({ length: this.program.runs }, () => this.dags[0].run(this.options));
    return Promise.allSettled(runs);
  }

  private build(parts: readonly Part[], at: number): void {
    const dag = new Dag<any>(`w${at}`);
    const streamed: { readonly name: string; readonly keys: ReadonlySet<number> }[] = [];
    const keys = new Set<number>();
    /** The keys of nodes in streams, which can't share any. */
    const inStreams = new Set<number>();
    parts.forEach((part, k) => {
      const kind = streamed.length === 0 && ["pass", "sink", "map"].includes(part.kind) ? "source" : part.kind;
      const name = `${kind}${k}`;
      const calls = this.calledBy(part, kind, at);
      const from =
        kind === "pass" || kind === "sink" || kind === "map"
          ? [...new Set(part.from.map((n) => streamed[n % streamed.length]))].slice(0, kind === "map" ? 1 : 2)
          : [];
      const awaited = new Set([...calls.flatMap((n) => [...this.keys[n]]), ...from.flatMap((one) => [...one.keys])]);
      const isStreaming = STREAMING.includes(kind);
      const isFree = part.key >= 0 && (!this.isOrdered || [...awaited].every((key) => key > part.key));
      const key = isFree && !(isStreaming && inStreams.has(part.key)) ? part.key : undefined;
      if (isStreaming && key !== undefined) inStreams.add(key);
      const own = new Set(key === undefined ? awaited : [...awaited, key]);
      for (const each of own) keys.add(each);
      this.add(dag, { name, kind, part, key, at, from: from.map((one) => one.name) });
      if (kind === "source" || kind === "pass" || kind === "map") streamed.push({ name, keys: own });
    });
    this.dags[at] = dag;
    this.keys[at] = keys;
  }

  /** The workflows that a node calls. */
  private calledBy(part: Part, kind: Part["kind"], at: number): number[] {
    const later = this.program.workflows.length - at - 1;
    if (later === 0) return [];
    const of = (n: number) => at + 1 + (n % later);
    if (kind === "inner" || kind === "innerItems") return [of(part.from[0])];
    return part.steps.filter(({ kind: step }) => step.startsWith("call")).map(({ workflow }) => of(workflow));
  }

  private add(dag: Dag<any>, { name, kind, part, key, at, from }: Site): void {
    const { buffer, count } = part;
    const options = this.optionsOf(part, kind, key);
    const needs = from.map((source) => stream(source));
    const work = this.workOf(part, at);
    const [inner] = this.calledBy(part, kind, at);
    const held = (ctx: Context, body: () => Promise<unknown>) => this.holding(key, ctx, body);
    const failing = this.failing(part);
    switch (kind) {
      case "plain":
        return void dag.node(name, options, (ctx: Context) =>
          held(ctx, async () => (failing(ctx), await work(ctx), 1)),
        );
      case "source":
        return void dag.node(name, { ...options, buffer }, async function* (ctx: Context) {
          failing(ctx);
          for (let i = 0; i < count; i++) {
            await work(ctx);
            yield i;
          }
        });
      case "pass":
        return void dag.node(
          name,
          { ...options, needs, buffer, params: needs.length === 1 ? ["a"] : ["a", "b"] },
          async function* (...all: any[]) {
            const ctx = all.pop() as Context;
            failing(ctx);
            for (const items of all as Items[]) {
              for await (const item of items) {
                await work(ctx);
                yield item;
              }
            }
          },
        );
      case "sink":
        return void dag.node(
          name,
          { ...options, needs, params: needs.length === 1 ? ["a"] : ["a", "b"] },
          (...all: any[]) => {
            const ctx = all.pop() as Context;
            return held(ctx, async () => {
              failing(ctx);
              let read = 0;
              for (const items of all as Items[]) {
                for await (const item of items) {
                  await work(ctx);
                  read += item;
                }
              }
              return read;
            });
          },
        );
      case "map":
        return void dag.map(name, { ...options, needs, buffer } as never, (item: number, ctx: Context) =>
          held(ctx, async () => (failing(ctx), await work(ctx), item)),
        );
      case "items":
        dag.node(`list of ${name}`, () => Array.from({ length: count }, (_, i) => i));
        return void dag.map(name, { ...options, needs: [`list of ${name}`] } as never, (item: number, ctx: Context) =>
          held(ctx, async () => (failing(ctx), await work(ctx), item)),
        );
      case "inner":
        return void dag.node(name, options, inner === undefined ? () => 1 : (this.dags[inner] as any));
      case "innerItems":
        dag.node(`list of ${name}`, () => Array.from({ length: count }, (_, i) => i));
        return void dag.map(name, { ...options, needs: [`list of ${name}`] } as never, this.taking(inner) as any);
    }
  }

  /** A workflow of one input around another workflow. */
  private taking(inner: number | undefined): Dag<any> {
    const dag = new Dag<any>("taking");
    dag.node("takes", { params: ["item"] }, (item: number) => item);
    if (inner !== undefined) dag.node("inner", { after: ["takes"] }, this.dags[inner]);
    return dag;
  }

  private optionsOf(part: Part, kind: Part["kind"], key: number | undefined): NodeOptions<any> {
    const { isThrottled, isCached, isUnsteady } = part;
    const mayBeCached = ["plain", "items", "inner"].includes(kind);
    return {
      concurrencyKey: key === undefined ? undefined : { key: `${this.name} ${key}` },
      throttle: isThrottled ? { key: this.name, limit: 2, interval: 3 } : undefined,
      cache: isCached && mayBeCached ? { key: () => 1 } : undefined,
      retry: isUnsteady ? { retries: 1, delay: 2 } : undefined,
    };
  }

  private failing({ isUnsteady }: Part): (ctx: Context) => void {
    return ({ attempt }) => {
      if (isUnsteady && attempt === 1) throw new Error("not yet");
    };
  }

  private workOf({ steps }: Part, at: number): Work {
    return async (ctx) => {
      this.activity++;
      for (const step of steps) await this.perform(step, at, ctx);
    };
  }

  private async perform({ kind, workflow }: Step, at: number, ctx: Context): Promise<void> {
    this.activity++;
    if (kind === "turn" || kind === "microtask" || kind === "sleep") {
      this.busy.add(ctx);
      this.checkBusy();
    }
    const later = this.program.workflows.length - at - 1;
    const call = async () => {
      if (later === 0) return;
      const dag = this.dags[at + 1 + (workflow % later)];
      await (this.how === "run" ? dag.run(this.options) : ctx.run(dag));
    };
    if (kind === "turn") await turn();
    else if (kind === "microtask") await Promise.resolve();
    else if (kind === "sleep") await new Promise((resolve) => setTimeout(resolve, 2));
    else if (kind === "call") await call();
    else if (kind === "callTwice") await Promise.all([call(), call()]);
    else {
      const called = call();
      called.catch(() => {});
      await turn();
      await called;
    }
    this.busy.delete(ctx);
    this.activity++;
  }

  /** Checks that no more nodes of a run work than may be in flight. Those of the streams of a workflow count as one. */
  private checkBusy(): void {
    const { mode, concurrency = mode === "sequential" ? 1 : Infinity } = this.program.options;
    const byRun = new Map<string, Set<unknown>>();
    for (const ctx of this.busy) {
      if (ctx.signal.aborted) continue;
      const [root] = ctx.runId.split("/", 1);
      const isStreaming = STREAMING.some((kind) => ctx.nodeName.startsWith(kind));
      const busy = byRun.get(root) ?? new Set();
      byRun.set(root, busy.add(isStreaming ? ctx.runId : ctx));
    }
    for (const { size } of byRun.values()) if (size > concurrency) this.excess = `${size} nodes are in flight`;
  }

  /** Calls `body` while the node has its key, and checks that no other has. */
  private async holding(key: number | undefined, ctx: Context, body: () => Promise<unknown>): Promise<unknown> {
    if (key === undefined) return body();
    const holders = this.holders.get(key) ?? new Set<Context>();
    this.holders.set(key, holders.add(ctx));
    // Those of runs that are over have no key any longer.
    const { length } = Array.from(holders).filter(({ signal }) => !signal.aborted);
    if (length > 1) this.excess = `${length} nodes have key ${key}`;
    try {
      return await body();
    } finally {
      holders.delete(ctx);
    }
  }
}

const { setImmediate: setRealImmediate } = globalThis;
const turn = () => new Promise<void>((resolve) => setRealImmediate(resolve));

/** How many turns of the event loop in which nothing happens show that nothing is left to do. */
const IDLE = 50;

/** The outcome of a promise; undefined if it is still pending when nothing is left to do, with fake timers. */
export async function outcomeIfAny<T>(promise: Promise<T>, activity: () => number): Promise<T | undefined> {
  let ended: { readonly value: T } | undefined;
  void promise.then((value) => (ended = { value }));
  let last = activity();
  for (let idle = 0; idle < IDLE && ended === undefined; idle++) {
    await turn();
    if (vi.getTimerCount() > 0) {
      await vi.advanceTimersToNextTimerAsync();
      idle = 0;
    }
    if (activity() !== last) {
      last = activity();
      idle = 0;
    }
  }
  return (ended as { readonly value: T } | undefined)?.value;
}

/** Whether a slot is in the circle that an error names. Users' programs close circles through keys only. */
function isThroughSlot({ message }: { readonly message?: string }): boolean {
  return /a slot of the (?:run|scheduler) is held/u.test(message ?? "") || !/concurrency key/u.test(message ?? "");
}

/** Runs a program. @throws if it hangs, exceeds a limit, or fails for any other reason than a circle of the user's own */
export async function checkProgram(program: Program, how: "ctx.run" | "run", isOrdered: boolean): Promise<void> {
  const running = new Running(program, how, isOrdered);
  const ends = await outcomeIfAny(running.run(), () => running.activity);
  if (ends === undefined) throw new Error("It hangs.");
  if (running.excess !== undefined) throw new Error(running.excess);
  for (const end of ends) {
    if (end.status === "fulfilled") continue;
    let error = end.reason as { readonly code?: string; readonly message?: string; readonly cause?: unknown };
    while (error.cause !== undefined) error = error.cause as typeof error;
    if (isOrdered || error.code !== "DEADLOCK" || isThroughSlot(error)) throw error as Error;
  }
}
