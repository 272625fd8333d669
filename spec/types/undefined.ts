/**
 * All options may be undefined, also under `exactOptionalPropertyTypes`, with which `types.spec.ts` checks this file.
 */
import { cachedNode, Dag, Fsm, node, Scheduler, state, ThreadPool, waitForEvent, workflow } from "dagwright";
import type {
  CacheOptions,
  CircuitBreakerOptions,
  ConcurrencyOptions,
  ContinueOptions,
  DagOptions,
  DiagramOptions,
  FsmContinueOptions,
  FsmOptions,
  FsmRecoverOptions,
  FsmResumeOptions,
  FsmRunOptions,
  FsmSendOptions,
  NodeHooks,
  NodeOptions,
  PartialRunOptions,
  PauseOptions,
  RecoverOptions,
  ReplayOptions,
  ResumeOptions,
  RetryOptions,
  RunOptions,
  SchedulerOptions,
  StateDiagramOptions,
  StateOptions,
  ThreadPoolOptions,
  ThrottleOptions,
  WorkflowOptions,
} from "dagwright";
import { sqliteStore } from "dagwright/store";
import type { PruneOptions, RunFilter, StoreOptions } from "dagwright/store";

type Optional<O> = keyof { [K in keyof O as object extends Pick<O, K> ? K : never]: 1 };
type Takes<O> = { [K in Optional<O>]: undefined extends O[K] ? never : K }[Optional<O>];
type Undefined<O> = Record<Optional<O>, undefined>;
type Accepts<O> = Undefined<O> extends Partial<O> ? true : Takes<O>;
type True<T extends true> = T;

export type Checked = [
  True<Accepts<CacheOptions>>,
  True<Accepts<CircuitBreakerOptions>>,
  True<Accepts<ConcurrencyOptions>>,
  True<Accepts<ContinueOptions>>,
  True<Accepts<DagOptions>>,
  True<Accepts<DiagramOptions>>,
  True<Accepts<FsmContinueOptions>>,
  True<Accepts<FsmOptions>>,
  True<Accepts<FsmRecoverOptions>>,
  True<Accepts<FsmResumeOptions>>,
  True<Accepts<FsmRunOptions>>,
  True<Accepts<FsmSendOptions>>,
  True<Accepts<NodeHooks>>,
  True<Accepts<NodeOptions>>,
  True<Accepts<PartialRunOptions>>,
  True<Accepts<PauseOptions>>,
  True<Accepts<RecoverOptions>>,
  True<Accepts<ReplayOptions>>,
  True<Accepts<ResumeOptions>>,
  True<Accepts<RetryOptions>>,
  True<Accepts<RunOptions>>,
  True<Accepts<SchedulerOptions>>,
  True<Accepts<StateDiagramOptions>>,
  True<Accepts<StateOptions>>,
  True<Accepts<ThreadPoolOptions>>,
  True<Accepts<ThrottleOptions>>,
  True<Accepts<WorkflowOptions>>,
  True<Accepts<PruneOptions>>,
  True<Accepts<RunFilter>>,
  True<Accepts<StoreOptions>>,
];

declare const given: { number: number | undefined; text: string | undefined; signal: AbortSignal | undefined };

@workflow({ name: given.text, maxCycles: given.number })
class Job {
  @node({ retry: given.number, timeout: given.number }) a() {
    return 1;
  }
  @node("a", { retry: { retries: given.number }, hooks: { onError: undefined } }) b(a: number) {
    return a;
  }
  @cachedNode("a", { ttl: given.number, cache: undefined }) c(a: number) {
    return a;
  }
  @state({ initial: undefined, to: undefined, errorState: undefined }) begin() {
    return waitForEvent({ GO: "begin" }, { after: undefined });
  }
}

export async function runs() {
  const dag = Dag.from(Job, { name: given.text, runOptions: { timeout: given.number } });
  const store = sqliteStore("x", { lease: given.number });
  const run = await dag.run({ signal: given.signal, timeout: given.number, mode: undefined, inputs: undefined, store });
  dag.connect("a", "b", { input: given.text });
  dag.node("d", { needs: undefined, retry: given.number }, () => 1);
  dag.validate({ strict: undefined });
  dag.setNodeHooks("a", { postExecute: undefined });
  const handle = Fsm.from(Job, { maxCycles: given.number }).start({ historyLimit: given.number });
  await handle.waitFor("begin", { timeout: given.number });
  await store.prune({ olderThan: given.number });
  await store.listRuns({ workflow: given.text, status: undefined });
  await new Scheduler({ maxConcurrency: given.number }).close({ timeout: given.number });
  return [new ThreadPool({ maxWorkers: given.number, resourceLimits: { stackSizeMb: given.number } }), run.get("a")];
}
