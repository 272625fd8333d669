import { onAbort, type LazyAbort } from "../base/abort.js";
import { checkDuration, checkOptions, checkRecord, show, type Rules } from "../base/check.js";
import { StoreError, ValidationError, type DagwrightError } from "../base/errors.js";
import type { ChildWorkflow } from "../definition/defined.js";
import type { ChildRunOptions } from "../definition/context.js";
import { checkErrorStrategy } from "../definition/specs/node-options.js";
import type { Subworkflow } from "../definition/specs/subworkflow-spec.js";
import { OWN_RUN } from "../definition/own-run.js";
import { resolveWorkflow } from "../definition/subworkflow.js";
import { childKey, type ChildResult } from "../run/child-result.js";
import { cancelled } from "../run/endings.js";
import { InnerPause } from "../run/pause.js";
import type { RunBase } from "../run/run-base.js";
import type { RecordedRun, RunStore } from "../stores/store.js";
import type { EventEmitter } from "./event-emitter.js";
import type { Outlet } from "./channel.js";
import type { CommonRunOptions } from "./options.js";
import type { OuterRun } from "./outer-run.js";
import type { SharedPermits } from "./permits.js";
import { withoutSlot, type Slot } from "./slot.js";

/** A run inside another one. */
export interface RunInside {
  readonly state: RunBase;
  readonly life: {
    start(onEnd: (result: ChildResult, error: DagwrightError | undefined) => void): void;
    cancel(reason: unknown): void;
  };
  /** Emits events from now on, since the outer run is observed. */
  outerObserved(): void;
}

/** How a recorded run inside another one continues. */
export interface ChildContinuation {
  readonly store: RunStore;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Whether it begins anew, whatever is recorded. */
  readonly restarts: boolean;
  readonly allowChanges: boolean | undefined;
}

/** A workflow whose runs can be inside others. */
export interface RunnableWorkflow extends ChildWorkflow {
  /** Creates a run inside another one. @throws as `run`, before anything runs */
  createInside(options: CommonRunOptions, outer: OuterRun, sync: boolean): RunInside;
  /**
   * Claims a recorded run inside another one, or restores its result if it is complete.
   * @throws {StoreError} NOT_FOUND, LEASE_HELD
   */
  continueInside(
    runId: string,
    options: CommonRunOptions,
    outer: OuterRun,
    how: ChildContinuation,
  ): Promise<RunInside | ChildResult>;
  /** The result of a recorded run that has ended. @throws {ValidationError} when the workflow has changed */
  restored(recorded: RecordedRun): ChildResult;
}

/** The run that contains others. */
export interface ContainingRun {
  readonly state: RunBase;
  readonly options: CommonRunOptions;
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly emitter: EventEmitter | undefined;
  /** Of a resumed run: the results given for nodes inside that paused, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
  /** The options of the runs inside that are those of this run. */
  innerOptions(node: string): CommonRunOptions;
  /** The permits to share. @param among - whether other runs inside may run at the same time, in any mode */
  sharedPermits(node: string, among: { readonly several: boolean }): SharedPermits | undefined;
  /** The results of a run inside that this run takes, by path. */
  takesInside(node: string, path: string): readonly string[];
}

/** What a run inside is called. */
export interface ChildPlace {
  readonly node: string;
  /** The key of the run inside, unique in the outer run, which ends its id. */
  readonly key: string;
  /** How users name it: the key, but without the number of a state's execution. */
  readonly path: string;
}

/** An attempt that a run inside belongs to. */
export interface ChildSite extends ChildPlace {
  readonly abort: AbortSignal | LazyAbort;
  /** Whether the store may have it: the attempt is not the node's first. */
  readonly isRepeated: boolean;
  /** Whether the attempt follows a failed one in this run. */
  readonly isRetry: boolean;
  /** Whether a recorded run begins anew. */
  readonly restarts: boolean;
  /** Whether it is one of several that the node may begin. */
  readonly isCall: boolean;
  /** The items inside that others stream, by path. */
  readonly outlets?: ReadonlyMap<string, Outlet> | undefined;
}

/** A call of `ctx.run`. */
export interface InnerCall {
  readonly attempt: number;
  readonly workflow: unknown;
  readonly options: ChildRunOptions;
  readonly abort: LazyAbort;
  /** That of the node. */
  readonly slot: Slot;
}

const RULES: Rules<ChildRunOptions> = {
  inputs: checkRecord,
  key: (_, key) => {
    if (typeof key === "string" || Number.isFinite(key) || (key as unknown) === OWN_RUN) return;
    throw new TypeError(`"key" of ctx.run must be a string or a number; received ${show(key)}.`);
  },
  errorStrategy: checkErrorStrategy,
  timeout: checkDuration,
};

/** The delays between attempts to claim a run that another process seems to drive, in ms. */
const CLAIM_DELAY = { first: 50, longest: 1000 };

/** How many runs may start one inside the other before the next one waits for an empty stack. */
const MAX_STARTING = 20;
let starting = 0;

/** Runs the workflows inside a run: those that are nodes, and those that nodes begin with `ctx.run`. */
export class Children {
  /** The keys that the current attempt of a node has used. */
  private readonly used = new Map<string, { readonly attempt: number; readonly keys: Set<string>; next: number }>();
  private readonly open = new Set<RunInside>();
  /** What `ctx.run` returned, until it settles. */
  private readonly calls = new Set<Promise<ChildResult>>();

  constructor(private readonly run: ContainingRun) {}

  /** Runs a node that is a workflow. Returns its value, or a promise of it. */
  execute(subworkflow: Subworkflow, inputs: Readonly<Record<string, unknown>>, site: ChildSite): unknown {
    const { output } = subworkflow.options;
    const valueOf = (result: ChildResult) => (output === undefined ? result.value : result.get(output));
    const result = this.begin(subworkflow.workflow as RunnableWorkflow, { inputs }, site);
    return result instanceof Promise ? result.then(valueOf) : valueOf(result);
  }

  /**
   * Runs a workflow for `ctx.run`.
   * @param site - of the attempt that calls it
   */
  call(call: InnerCall, site: ChildSite): Promise<ChildResult> {
    const work = async () => {
      try {
        return await withoutSlot(call.slot, () => this.beginCall(call, site));
      } finally {
        this.calls.delete(result);
      }
    };
    const result = work();
    this.calls.add(result);
    return result;
  }

  private async beginCall(
    { attempt, workflow: source, options, slot }: InnerCall,
    site: ChildSite,
  ): Promise<ChildResult> {
    if (this.run.isOver || site.abort.aborted || slot.hasSettled) {
      throw new ValidationError(
        `Node "${site.node}" has settled, so its ctx.run begins nothing. Wait for ctx.run in it.`,
      );
    }
    checkOptions(options, RULES, "ctx.run");
    const workflow = resolveWorkflow(source) as RunnableWorkflow;
    const { key: given, ...own } = options;
    if ((given as unknown) === OWN_RUN) return this.begin(workflow, own, { ...site, restarts: site.isRetry });
    const key = this.newKey(site.key, attempt, given);
    return this.begin(workflow, own, { ...site, key: childKey(site.key, key), path: childKey(site.path, key) });
  }

  /** The outer run is over. Cancels the runs that nodes left behind. */
  end(): void {
    // Nobody may be waiting for these any longer.
    for (const call of this.calls) call.catch(() => {});
    for (const { life } of this.open) life.cancel(`run "${this.run.state.runId}" is over`);
  }

  /** The outer run is observed from now on. */
  observed(): void {
    for (const child of this.open) child.outerObserved();
  }

  /** @param caller - the node, or item, that begins the run */
  private newKey(caller: string, attempt: number, given: string | number | undefined): string | number {
    let used = this.used.get(caller);
    if (used?.attempt !== attempt) this.used.set(caller, (used = { attempt, keys: new Set(), next: 0 }));
    const key = given ?? used.next++;
    if (used.keys.has(String(key))) {
      throw new ValidationError(
        `Node "${caller}" has used the key ${show(key)} of ctx.run before. Give each call a key of its own.`,
      );
    }
    used.keys.add(String(key));
    return key;
  }

  private begin(workflow: RunnableWorkflow, own: ChildRunOptions, site: ChildSite): ChildResult | Promise<ChildResult> {
    const { run } = this;
    const runId = `${run.state.runId}/${site.key}`;
    const outer = this.outerOf(site);
    const options = { ...outer.options, ...own, runId };
    const { store } = options;
    if (store !== undefined && site.isRepeated) return this.continueRecorded(workflow, options, outer, site, store);
    return this.drive(workflow.createInside(options, outer, run.sync), site);
  }

  private outerOf({ node, path, isCall, outlets }: ChildSite): OuterRun {
    const { run } = this;
    const prefix = `${path}.`;
    const provided = Object.entries(run.provide ?? {}).filter(([path]) => path.startsWith(prefix));
    const inner = provided.map(([path, value]): [string, unknown] => [path.slice(prefix.length), value]);
    return {
      parent: Object.freeze({ runId: run.state.runId, node }),
      state: run.state,
      get emitter() {
        return run.emitter;
      },
      options: run.innerOptions(node),
      permits: run.sharedPermits(node, { several: isCall }),
      outlets,
      takes: run.takesInside(node, path),
      provide: inner.length === 0 ? undefined : Object.fromEntries(inner),
    };
  }

  /** Continues the run that an earlier attempt began, in this process or before it crashed. */
  private async continueRecorded(
    workflow: RunnableWorkflow,
    options: CommonRunOptions & { readonly runId: string },
    outer: OuterRun,
    site: ChildSite,
    store: RunStore,
  ): Promise<ChildResult> {
    const { inputs = {} } = options;
    const { allowChanges } = this.run.options as { readonly allowChanges?: boolean };
    const how = { store, inputs, restarts: site.restarts, allowChanges };
    for (let delay = CLAIM_DELAY.first; ; delay = Math.min(delay * 2, CLAIM_DELAY.longest)) {
      try {
        const found = await workflow.continueInside(options.runId, options, outer, how);
        if ("life" in found) return await this.drive(found, site);
        this.keep(site, found);
        return resultOf(site, found);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (error.code === "NOT_FOUND") return this.drive(workflow.createInside(options, outer, false), site);
        // Its lease may end a little later than that of the outer run.
        if (error.code !== "LEASE_HELD" || this.run.isOver || site.abort.aborted) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }

  /** Makes a result available as `run.child`. */
  private keep({ key, path }: ChildSite, result: ChildResult): void {
    const { state } = this.run;
    state.setChild(key, result);
    if (path !== key) state.setChild(path, result);
  }

  private drive(child: RunInside, site: ChildSite): ChildResult | Promise<ChildResult> {
    const { run } = this;
    if (run.sync) {
      let ended: { readonly result: ChildResult; readonly error: DagwrightError | undefined } | undefined;
      child.life.start((result, error) => {
        this.keep(site, result);
        ended = { result, error };
      });
      if (ended === undefined) throw new Error("A synchronous run did not end.");
      if (ended.error !== undefined) throw ended.error;
      return resultOf(site, ended.result);
    }
    if (starting === MAX_STARTING) return Promise.resolve().then(() => this.drive(child, site));
    return new Promise((resolve, reject) => {
      this.open.add(child);
      const { abort } = site;
      const signal = "signal" in abort ? abort.signal : abort;
      let removeListener: (() => void) | undefined;
      const ended = (result: ChildResult, error: DagwrightError | undefined) => {
        this.open.delete(child);
        removeListener?.();
        this.keep(site, result);
        try {
          if (error !== undefined) throw error;
          resolve(resultOf(site, result));
        } catch (failure) {
          reject(failure);
        }
      };
      starting++;
      try {
        child.life.start(ended);
      } finally {
        starting--;
      }
      if (this.open.has(child)) removeListener = onAbort(signal, (reason) => child.life.cancel(reason));
    });
  }
}

/** A result with which the node goes on. @throws what ends the node otherwise */
function resultOf({ path }: ChildSite, result: ChildResult): ChildResult {
  if (result.status === "completed") return result;
  if (result.status === "paused") {
    const inner = result.pauses.map((pause) => ({ ...pause, node: `${path}.${pause.node}` }));
    throw new InnerPause(result.pauseReason, inner);
  }
  throw result.errors[0] ?? cancelled(result, undefined);
}
