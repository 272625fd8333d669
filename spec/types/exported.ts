/**
 * Exports of a package that uses this library without naming its types. `types.spec.ts` has the compiler emit
 * declarations for it, with only the public exports of the library available.
 */
import {
  all,
  any,
  cachedNode,
  circuits,
  condition,
  Dag,
  decide,
  Fsm,
  next,
  node,
  optional,
  PauseRun,
  route,
  Scheduler,
  select,
  state,
  stop,
  ThreadPool,
  waitForEvent,
  workflow,
  type CacheOptions,
  type NodeOptions,
} from "dagwright";
import { sqliteStore, type RunFilter } from "dagwright/store";

export class Jobs {
  @node count() {
    return 1;
  }
  @condition("count") decided(n: number) {
    return decide(n > 1, n);
  }
  @select("count") routed(n: number) {
    return n > 1 ? route("x", 1) : ("y" as const);
  }
}

export class Job {
  @node count() {
    return 1;
  }
}

export class Machine {
  @state({ initial: true }) wait() {
    return waitForEvent({ GO: "go" });
  }
  @state go(n: number) {
    return n > 1 ? next("wait") : stop(n);
  }
}

// Custom decorators.
export const bare = node();
export const needing = node("a", optional("b"));
export const retried = (options: NodeOptions<[]>) => node("a", { retry: 3, ...options });
export const forks = [condition("a"), select("a", "b"), all("a", "b"), any("a"), cachedNode("a", { ttl: 5 })];
export const states = [state(), state({ to: ["b"], errorState: "c" })];
export const named = workflow({ name: "x" });
export const maybe = optional("a");
export const aliases = { all, any, cachedNode, condition, node, optional, select, state, workflow };
export const outcomes = [decide(true, 1), route("a", 1), next("a", 1), stop(1), waitForEvent({ A: "b" })];

// Workflows and their runs.
export const dag = Dag.from(Jobs);
export const single = Dag.from(Job);
export const declared = Dag.from<typeof Jobs, { limit: number }>(Jobs);
export const fsm = Fsm.from(Machine);
export const runs = () => [dag.run(), single.run(), dag.runSync(), fsm.run(), fsm.runSync()];
export const handles = () => [dag.start(), dag.start().events(), fsm.start()];
export const steps = () => [dag.step(), fsm.step()];
export const report = (run = dag.runSync()) => [
  run.nodes,
  run.metrics,
  run.timeline(),
  run.errors,
  run.context,
  run.pauses,
];
export const history = (run = fsm.runSync()) => [run.cycleResults, run.metrics, run.errors, run.context, run.results];
export const looks = () => [dag.validate(), dag.dryRun(), dag.edges, dag.inputs, dag.nodes, dag.connectionsOf("count")];
export const more = () => [
  fsm.toXState(),
  fsm.edges,
  fsm.inputs,
  fsm.transitions,
  fsm.states,
  fsm.options,
  dag.clone(),
  fsm.clone(),
  fsm.getState("wait"),
  dag.lastRun,
];

// The builder.
const builder = new Dag("x");
const machine = new Fsm("x");
export const one = builder.node("one", () => ({ x: 1 }));
export const isMuch = builder.condition("isMuch", { needs: [one] }, ({ x }) => x > 1);
export const parts = [one.output("x"), isMuch.onTrue, builder.getNode("one"), machine.state("s", () => stop(1))];
export const {
  node: defineNode,
  condition: defineCondition,
  all: defineAll,
  any: defineAny,
  cachedNode: cached,
} = builder;
export const { state: defineState } = machine;
export class Own extends Dag<{ a: number }> {
  own = this.node("own", () => 1);
}

// Caches and stores.
export const json = (options: CacheOptions) => options.json;
const store = sqliteStore(":memory:");
export const waiting = async (filter: RunFilter) => (await store.listRuns(filter)).runs[0].waitingFor;
export const kept = () => [store.getRun("r"), store.stats("x"), store.diffRuns("r", "s")];

export const others = () => [
  circuits(),
  new Scheduler().stats(),
  new Scheduler().close(),
  new ThreadPool(),
  new PauseRun(),
];
