import { LazyAbort } from "../base/abort.js";
import type { Context } from "../definition/context.js";
import type { Semaphore } from "../base/semaphore.js";
import type { Coroutine } from "../base/coroutine.js";
import type { NodeHooks } from "../definition/specs/node-options.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { ResultCache } from "../policies/cache.js";
import type { Limits } from "../policies/limits.js";
import type { SlotSource } from "../policies/holder.js";
import type { Scheduler } from "../policies/scheduler.js";
import type { AttemptControls } from "../run/context.js";
import type { ErrorSite } from "../run/errors.js";
import type { InnerCall } from "./run-inside.js";
import { CONTEXT, filledIn } from "./context-placeholder.js";
import type { AttemptTelemetry, RefreshTelemetry } from "./telemetry/telemetry.js";
import { refuseRunInside, type AttemptHost, type TracedCall } from "./host.js";

/**
 * Computes a node in the background of its run: with its current inputs, even after the run has ended, without a slot
 * of the run and without events. Limits, scheduler, hooks and backend are those of the run.
 */
export class DetachedHost implements AttemptHost {
  readonly sync = false;
  readonly isOver = false;
  /** Nothing waits for it. */
  readonly tracesAll = false;
  /** The node that began the run does not wait for this. */
  readonly workflow: string;
  readonly limits: Limits;
  readonly scheduler: Scheduler | undefined;
  private readonly abort = new LazyAbort();
  /** Undefined unless telemetry follows it. */
  readonly telemetry: RefreshTelemetry | undefined;
  private readonly args: readonly unknown[];

  constructor(
    private readonly host: AttemptHost,
    node: number,
  ) {
    this.workflow = host.workflow;
    this.limits = host.limits;
    this.scheduler = host.scheduler;
    this.args = host.argumentsOf(node, CONTEXT);
    this.telemetry = host.refreshing(node);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  argumentsOf(_: number, context: Context): unknown[] {
    return filledIn(this.args, context);
  }

  specOf(node: number): NodeSpec {
    return this.host.specOf(node);
  }

  nodeLimitOf(node: number): Semaphore | undefined {
    return this.host.nodeLimitOf(node);
  }

  labelOf(node: number): string {
    return this.host.labelOf(node);
  }

  hooksOf(node: number): readonly NodeHooks[] {
    return this.host.hooksOf(node);
  }

  cacheOf(node: number): ResultCache | undefined {
    return this.host.cacheOf(node);
  }

  contextOf(node: number, attempt: number, controls: AttemptControls): Context {
    return this.host.contextOf(node, attempt, controls);
  }

  resultIn(returned: unknown): unknown {
    return this.host.resultIn(returned);
  }

  checked(node: number, returned: unknown, args: readonly unknown[], check: (value: unknown) => Coroutine): Coroutine {
    return this.host.checked(node, returned, args, check);
  }

  outcomeOf(node: number, returned: unknown, result: unknown, args: readonly unknown[]): unknown {
    return this.host.outcomeOf(node, returned, result, args);
  }

  siteOf(node: number, attempt: number, options?: ErrorOptions): ErrorSite {
    return this.host.siteOf(node, attempt, options);
  }

  callerOf(): undefined {}

  schedulerOf(node: number): SlotSource | undefined {
    return this.host.schedulerOf(node);
  }

  callInside(node: number, call: InnerCall): Promise<unknown> {
    return this.host.callInside(node, call);
  }

  runInside(): never {
    return refuseRunInside();
  }

  execute(node: number, call: TracedCall, abort: LazyAbort, onStart: () => void): unknown {
    return this.host.execute(node, call, abort, onStart);
  }

  followed(_: number, attempt: number): AttemptTelemetry | undefined {
    return this.telemetry?.attempt(attempt);
  }

  attemptsBefore(): number {
    return 0;
  }

  attemptsOf(): number {
    return 0;
  }

  canRetry(node: number): boolean {
    return this.host.canRetry(node);
  }

  barrier(): undefined {}
  slotsOf(): undefined {}
  acquire(): undefined {}
  release(): void {}
  attemptPending(): void {}
  pump(): void {}
  cacheHit(): void {}
  cacheMissed(): void {}
  fallbackUsed(): void {}
  circuitChanged(): void {}
  staleServed(): void {}
  refreshFailed(): void {}
  refreshing(): undefined {}
  attemptStarted(): void {}
  attemptFailed(): void {}
  notAttempted(): void {}
  progress(): void {}
  log(): void {}
}
