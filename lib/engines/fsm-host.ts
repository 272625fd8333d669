import type { AttemptCall } from "../backends/backend.js";
import { inline } from "../backends/inline.js";
import type { NodeHooks } from "../definition/node-options.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { valueOf, withValue } from "../definition/transitions.js";
import type { ResultCache } from "../policies/cache.js";
import type { AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import { processLimits, type Limits } from "../policies/limits.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { Context } from "../definition/context.js";
import { StateContext } from "../run/fsm-context.js";
import type { FsmState } from "../run/fsm-state.js";
import type { Announcer } from "./announcer.js";
import type { AttemptHost } from "./attempts.js";
import { withContext } from "./state-arguments.js";

/** What the attempts of an fsm's states need of their run. */
export interface FsmHostRun extends AttemptControls {
  readonly sync: boolean;
  readonly state: FsmState;
  /** The inputs of the state that is executing. */
  readonly inputs: readonly unknown[];
  readonly announcer: Announcer | undefined;
  readonly isOver: boolean;
  /** The hooks of all states: the default ones, then the run's. */
  readonly hooks: readonly NodeHooks[];
  readonly scheduler: Scheduler | undefined;
  cacheOf(state: NodeSpec): ResultCache | undefined;
  siteOf(attempt: number, ...cause: [unknown?]): ErrorSite;
}

/** Gives the attempts of an fsm's states their arguments, contexts and caches. One state executes at a time. */
export class FsmHost implements AttemptHost {
  readonly sync: boolean;
  readonly workflow: string;
  readonly scheduler: Scheduler | undefined;
  readonly limits: Limits;

  constructor(private readonly run: FsmHostRun) {
    this.sync = run.sync;
    this.workflow = run.state.workflow;
    this.scheduler = run.scheduler;
    this.limits = run.scheduler?.limits ?? processLimits;
  }

  get isOver(): boolean {
    return this.run.isOver;
  }

  get signal(): AbortSignal {
    return this.run.signal;
  }

  specOf(node: number): NodeSpec {
    return this.run.state.plan.specs[node];
  }

  labelOf(node: number): string {
    return `State "${this.specOf(node).name}"`;
  }

  hooksOf(node: number): readonly NodeHooks[] {
    const own = this.run.state.plan.hooks[node];
    return own === undefined ? this.run.hooks : [...this.run.hooks, own];
  }

  cacheOf(node: number): ResultCache | undefined {
    return this.run.cacheOf(this.specOf(node));
  }

  contextOf(node: number, attempt: number, controls: AttemptControls): StateContext {
    return new StateContext(this.run.state, node, attempt, controls);
  }

  argumentsOf(node: number, context: Context | undefined): unknown[] {
    return withContext(this.specOf(node), [...this.run.inputs], context);
  }

  /** Hooks see the value, not the transition. */
  resultIn(returned: unknown): unknown {
    return valueOf(returned);
  }

  outcomeOf(_: number, returned: unknown, result: unknown): unknown {
    return valueOf(returned) === result ? returned : withValue(returned, result);
  }

  siteOf(_: number, attempt: number, ...cause: [unknown?]): ErrorSite {
    return this.run.siteOf(attempt, ...cause);
  }

  execute(_: number, call: AttemptCall): unknown {
    return inline.execute(call);
  }

  beginsLater(): boolean {
    return false;
  }

  /** There are no slots: nothing else runs. */
  acquire(): undefined {}

  giveBack(): void {}

  waiting(): void {}

  cacheHit(): void {
    this.run.state.countLookUp("hits");
    this.run.state.isCached = true;
    this.notAttempted();
  }

  cacheMissed(): void {
    this.run.state.countLookUp("misses");
  }

  attemptsOf(): number {
    return this.run.state.attempt;
  }

  notAttempted(): void {
    this.run.state.attempt = 0;
  }

  attemptStarted(node: number, attempt: number): void {
    this.run.state.attempt = attempt;
    this.run.announcer?.announce({ type: "attempt.started", attempt }, node);
  }

  attemptFailed(node: number, attempt: number, error: unknown): void {
    if (!this.run.isOver) this.run.announcer?.announce({ type: "attempt.failed", attempt, error }, node);
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }
}
