import type { LazyAbort } from "../base/abort.js";
import type { Coroutine } from "../base/coroutine.js";
import { inline } from "../backends/inline.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import { isWait, valueOf, withValue } from "../definition/transitions.js";
import type { AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { Context } from "../definition/context.js";
import type { Holder } from "../policies/holder.js";
import { StateContext } from "../run/fsm-context.js";
import type { FsmState } from "../run/fsm-state.js";
import type { Permits } from "../engine/permits.js";
import type { PendingAcquire } from "../base/pending-acquire.js";
import { EngineHost, type AttemptHost, type TracedCall, type HostRun } from "../engine/host.js";
import { withContext } from "./arguments.js";

/** The run of an fsm, as the attempts of its states see it. */
export interface FsmHostRun extends HostRun {
  readonly state: FsmState;
  /** The inputs of the current state. */
  readonly inputs: readonly unknown[];
  /** The permits of an outer run. */
  readonly permits: Permits | undefined;
  siteOf(attempt: number, options?: ErrorOptions): ErrorSite;
}

/** Provides the attempts of an fsm's states with arguments and contexts. One state executes at a time. */
export class FsmHost extends EngineHost<FsmHostRun> implements AttemptHost {
  /** States are in the wait-for graph only if their options require it. */
  holderOf(): undefined {}

  callerOf(): Holder | undefined {
    return this.run.caller;
  }

  labelOf(node: number): string {
    return `State "${this.specOf(node).name}"`;
  }

  protected ownHooksOf(node: number): NodeHooks | undefined {
    return this.run.state.plan.hooks[node];
  }

  contextOf(node: number, attempt: number, controls: AttemptControls): StateContext {
    return new StateContext(this.run.state, node, attempt, controls);
  }

  argumentsOf(node: number, context: Context | undefined): unknown[] {
    return withContext(this.specOf(node), [...this.run.inputs], context);
  }

  /** Hooks get the value, without the destination. */
  resultIn(returned: unknown): unknown {
    return valueOf(returned);
  }

  /** A wait for an event has no value. */
  *checked(_: number, returned: unknown, __: unknown, check: (value: unknown) => Coroutine): Coroutine {
    return isWait(returned) ? returned : withValue(returned, yield* check(valueOf(returned)));
  }

  outcomeOf(_: number, returned: unknown, result: unknown): unknown {
    return valueOf(returned) === result ? returned : withValue(returned, result);
  }

  siteOf(_: number, attempt: number, options?: ErrorOptions): ErrorSite {
    return this.run.siteOf(attempt, options);
  }

  /** Nothing streams the states of an fsm. */
  protected outletsOf(): undefined {}

  execute(node: number, call: TracedCall, abort: LazyAbort, onStart: () => void): unknown {
    if (call.spec.subworkflow !== undefined) return this.executeWorkflow(node, call, abort, onStart);
    return inline.execute(call, abort, onStart);
  }

  slotsOf(node: number): Permits | undefined {
    return this.takesSlot(node) ? this.run.permits : undefined;
  }

  /** A state takes a slot only of an outer run: nothing else executes in its own. */
  acquire(node: number): PendingAcquire | undefined {
    return this.takesSlot(node) ? this.run.permits?.acquire(node) : undefined;
  }

  release(node: number): void {
    if (this.takesSlot(node)) this.run.permits?.release();
  }

  private takesSlot(node: number): boolean {
    return this.specOf(node).subworkflow === undefined;
  }

  canRetry(): boolean {
    return true;
  }

  /** Streams are of dags. */
  nodeLimitOf(): undefined {}

  attemptPending(): void {}
  pump(): void {}

  cacheHit(): void {
    this.run.state.countLookUp("hits");
    this.run.state.isCached = true;
    this.notAttempted();
  }

  fallbackUsed(): void {
    this.run.state.fallbacks++;
  }

  staleServed(node: number, error: unknown, storedAt: number): void {
    this.run.state.isCached = true;
    this.run.emitter?.emit({ type: "node.stale", error, storedAt }, node);
  }

  attemptsBefore(): number {
    return this.run.state.attemptsBefore;
  }

  attemptsOf(): number {
    return this.run.state.attempt;
  }

  notAttempted(): void {
    this.run.state.attempt = this.attemptsBefore();
  }

  attemptStarted(node: number, attempt: number): void {
    this.run.state.attempt = attempt;
    this.run.emitter?.emit({ type: "attempt.started", attempt }, node);
  }

  attemptFailed(node: number, attempt: number, error: unknown): void {
    if (!this.run.isOver) this.run.emitter?.emit({ type: "attempt.failed", attempt, error }, node);
  }
}
