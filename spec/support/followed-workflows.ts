/** Dags whose runs have every event that is recorded: of attempts, items, runs inside, cycles, waits and pauses. */
import fc from "fast-check";
import { Dag, Fsm, PauseRun, next, stop, type Context, type RunEvent } from "dagwright";

const KINDS = [
  "plain",
  "retried",
  "failing",
  "cached",
  "reporting",
  "nested",
  "machine",
  "map",
  "inner map",
  "pausing map",
  "event",
  "late event",
  "delayed",
  "pausing",
  "waiting inside",
] as const;
type Kind = (typeof KINDS)[number];

export interface FollowedNode {
  readonly kind: Kind;
  /** Indexes of earlier nodes. */
  readonly after: readonly number[];
}

export const followedNodes: fc.Arbitrary<readonly FollowedNode[]> = fc
  .array(fc.record({ kind: fc.constantFrom(...KINDS), after: fc.array(fc.nat(), { maxLength: 2 }) }), {
    minLength: 2,
    maxLength: 6,
  })
  .map((list) =>
    list.map(({ kind, after }, i) => ({ kind, after: i === 0 ? [] : [...new Set(after.map((at) => at % i))] })),
  );

/** A workflow of these nodes. @param observe - called with all events of its runs, as they happen */
export function followedDag(nodes: readonly FollowedNode[], observe: (event: RunEvent) => void): Dag<any> {
  const runOptions = { mode: "async", errorStrategy: "continue", observers: [observe] } as const;
  const dag = new Dag("followed", { runOptions });
  nodes.forEach(({ kind, after }, i) =>
    addNode(
      dag,
      kind,
      `n${i}`,
      after.map((at) => `n${at}`),
    ),
  );
  return dag;
}

function failsUntil(attempt: number, ctx: Context): number {
  if (ctx.attempt < attempt) throw new Error(`attempt ${ctx.attempt}`);
  return ctx.attempt;
}

function addNode(dag: Dag<any>, kind: Kind, name: string, after: readonly string[]): void {
  const retry = { retries: 2, delay: 3 };
  switch (kind) {
    case "plain":
      return void dag.node(name, { after }, () => 1);
    case "retried":
      return void dag.node(name, { after, retry }, (ctx: Context) => failsUntil(3, ctx));
    case "failing":
      return void dag.node(name, { after, retry }, (ctx: Context) => failsUntil(9, ctx));
    case "cached":
      return void dag.node(name, { after, cache: { ttl: 60_000 } }, () => 1);
    case "reporting":
      return void dag.node(name, { after }, async (ctx: Context) => {
        for (const part of [0.2, 0.4, 0.8]) {
          ctx.progress(part);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        return 1;
      });
    case "nested":
      return void dag.node(
        name,
        { after },
        innerDag(() => 1),
      );
    case "machine":
      return void dag.node(name, { after }, pingPong());
    case "map":
      return void dag.map(name, { needs: [list(dag, name, after)], retry, concurrency: 2 }, flaky());
    case "inner map":
      return void dag.map(
        name,
        { needs: [list(dag, name, after)], concurrency: 2 },
        innerDag((item: number) => item),
      );
    case "pausing map":
      return void dag.map(name, { needs: [list(dag, name, after)], concurrency: 2 }, (item: number) => {
        if (item === 2) throw new PauseRun("ask Ann");
        return item;
      });
    case "event":
      return void dag.event(name, { after });
    case "late event":
      return void dag.event(name, { after, delay: 8 });
    case "delayed":
      return void dag.node(name, { after, delay: 8 }, () => 1);
    case "pausing":
      return void dag.node(name, { after }, () => {
        throw new PauseRun("ask Ann");
      });
    case "waiting inside":
      return void dag.node(name, { after }, patient());
  }
}

function list(dag: Dag<any>, name: string, after: readonly string[]) {
  return dag.node(`${name} list`, { after }, () => [1, 2, 3]);
}

/** A function that fails once for some items. */
function flaky(): (item: number) => Promise<number> {
  const failed = new Set<number>();
  return async (item) => {
    if (item === 2 && !failed.has(item)) {
      failed.add(item);
      throw new Error("once");
    }
    return item;
  };
}

function innerDag(first: (item: number) => number): Dag<any> {
  const inner = new Dag("inner");
  const a = inner.node("a", first);
  inner.node("b", { needs: [a] }, async (of: number) => of + 1);
  return inner;
}

/** An fsm of eight cycles, some with several attempts, one after a delay. */
function pingPong(): Fsm<any> {
  const fsm = new Fsm("ping-pong");
  let count = 0;
  fsm.state("ping", { initial: true, to: ["pong"], retry: { retries: 1, delay: 1 } }, (ctx: Context) => {
    if (ctx.attempt === 1 && count % 4 === 0) throw new Error("again");
    return next("pong", count);
  });
  fsm.state("pong", { to: ["ping"], delay: 2 }, () => (++count % 4 === 0 ? stop(count) : next("ping", count)));
  return fsm;
}

function patient(): Dag<any> {
  const inner = new Dag("patient");
  inner.event("answer");
  return inner;
}
