import { checkOptions, oneOf, requireOptions, show, type Rules } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import { checkStore } from "../engine/options.js";
import type { NodeHooks, RunOptions, RunStore } from "../index.js";
import { Calls } from "./crash/calls.js";
import { Crash } from "./crash/crash.js";
import { CrashingStore } from "./crash/crashing-store.js";
import { runRulesWithout } from "./run-rules.js";
import { freshWorkflow, type AnyWorkflow } from "./workflow-source.js";

/** The options of {@link crashAtEveryWrite}: those of the runs, and the stores. */
export interface CrashOptions extends Omit<
  RunOptions,
  "store" | "mode" | "hooks" | "runId" | "signal" | "overrides" | "ifExists" | "detach"
> {
  /** Makes a store, of an empty database or in memory, for one run each. It is closed after its run. */
  readonly store: () => RunStore & { close(): Promise<void> };
  /** @defaultValue "sequential" */
  readonly mode?: "sequential" | "async" | undefined;
}

/** What {@link crashAtEveryWrite} has found. */
export interface CrashReport {
  /** How often the run writes to its store: as often it was run, to crash at another write each time. */
  readonly writes: number;
  /**
   * The nodes or states whose functions were called before a crash and once more after it, without having asked for
   * `ctx.idempotencyKey`: in order of their first call.
   */
  readonly calledTwice: readonly string[];
}

const RULES: Rules<CrashOptions> = {
  ...runRulesWithout("store", "mode", "hooks", "runId", "signal", "overrides", "ifExists", "detach"),
  store: "function",
  mode: oneOf(["sequential", "async"], {
    parallel: '"async": what functions on worker threads ask for can\'t be seen; use that, or "sequential",',
  }),
};

/**
 * Runs a recorded workflow again and again, and lets its process crash: each time right before another one of its writes to
 * the store, of which nothing is left, after everything that its nodes have done by then. Each run is resumed, as after a
 * crash, and has to end as it does without one.
 *
 * The process does not really end: the driver of the run is cut off from the store and abandoned, and its nodes are aborted.
 * Cost: two runs for each write.
 * @param workflow - a dag, an fsm, an annotated class (with an instance of its own for each run) or an instance of one, or a
 *   function that makes one of these; one that waits for no events
 * @throws {Error} when a run does not end, after a crash, as it does without one, naming the write; whatever `run` throws
 *   without a crash; {TypeError} for bad options
 */
export async function crashAtEveryWrite(workflow: object, options: CrashOptions): Promise<CrashReport> {
  checkOptions(options, RULES, "crashAtEveryWrite");
  requireOptions(options, ["store"], RULES);
  const { store: makeStore, ...given } = options;
  const make = () => freshWorkflow(workflow, "crashAtEveryWrite");
  const stores = new Set<object>();
  const idempotent = new Set<string>();
  const runAndCrash = async (at: number) => {
    const store = makeStore();
    checkStore(store);
    if (stores.has(store)) {
      throw new TypeError('"store" of crashAtEveryWrite must make a new store each time: () => sqliteStore(…).');
    }
    stores.add(store);
    try {
      return await crashOnce({ make, store, at, idempotent, options: given });
    } finally {
      await store.close();
    }
  };
  const whole = await runAndCrash(Infinity);
  const twice = new Map<string, string>();
  for (let write = 0; write < whole.writes; write++) {
    const crashed = await runAndCrash(write);
    if (crashed.status !== whole.status) throw notTheSame(write, whole, crashed);
    for (const [call, name] of crashed.twice) twice.set(call, name);
  }
  const named = Array.from(twice).filter(([call]) => !idempotent.has(call));
  return { writes: whole.writes, calledTwice: Array.from(new Set(named.map(([, name]) => name))) };
}

interface CrashedRun {
  readonly make: () => AnyWorkflow;
  readonly store: RunStore;
  /** The write that is lost. */
  readonly at: number;
  /** The calls that have asked for their keys. */
  readonly idempotent: Set<string>;
  readonly options: Omit<CrashOptions, "store">;
}

/** Runs a workflow until it crashes at a write, and then to its end. */
async function crashOnce({ make, store, at, idempotent, options }: CrashedRun) {
  const runId = `crash ${at}`;
  const aborting = new AbortController();
  const crash = new Crash(at, () => aborting.abort());
  const crashing = new CrashingStore(store, crash);
  const before = new Calls(idempotent);
  const first = { ...options, runId, store: crashing, hooks: before.hooks, signal: aborting.signal };
  const ended = await end(make().run(first));
  const { writes } = crash;
  if (!crash.hasHappened) return { ...ended, writes, twice: [] };
  await crashing.abandon();
  const after = new Calls(idempotent);
  const resumed = await end(resume(make(), runId, { ...options, store, hooks: after.hooks }));
  return { ...resumed, writes, twice: Array.from(before.made).filter(([call]) => after.made.has(call)) };
}

interface Ended {
  readonly status: string;
  readonly error: unknown;
}

/** How a run ended. @throws what it rejects with, if there was no run */
async function end(running: Promise<unknown>): Promise<Ended> {
  try {
    return { status: ((await running) as { readonly status: string }).status, error: undefined };
  } catch (error) {
    const run = (error as { readonly run?: { readonly status: string } } | null)?.run;
    if (run === undefined) throw error;
    return { status: run.status, error };
  }
}

/** Continues a run, or begins it, if the crash came before its first write. */
async function resume(
  workflow: AnyWorkflow,
  runId: string,
  options: Omit<CrashOptions, "store"> & { readonly store: RunStore; readonly hooks: NodeHooks },
): Promise<unknown> {
  try {
    // These are recorded.
    const own = { inputs: undefined, metadata: undefined, context: undefined };
    return await workflow.resume(runId, { ...options, ...own });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "NOT_FOUND") throw error;
    return workflow.run({ ...options, runId });
  }
}

function notTheSame(write: number, whole: Ended, { status, error }: Ended): Error {
  const why = error === undefined ? "" : ` ${messageOf(error)}`;
  return new Error(
    `After a crash at write ${write}, the run ends as ${status}; without a crash, it is ${show(whole.status)}.${why}`,
    { cause: error },
  );
}
