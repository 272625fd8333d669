import type { AttemptCall } from "../backends/runner.js";
import type { LazyAbort } from "../base/abort.js";
import type { CancelScope } from "../base/cancel-scope.js";
import { pendingOf, type Coroutine } from "../base/coroutine.js";
import { inSentence, messageOf } from "../base/message.js";
import type { StandardSchema } from "../base/standard-schema.js";
import type { ChildRunOptions } from "../definition/context.js";
import { track, untrack } from "../policies/callers.js";
import { Holder } from "../policies/holder.js";
import { withHooks } from "../policies/hooks.js";
import { withTimeout } from "../policies/timeout.js";
import type { AttemptControls } from "../run/context.js";
import { ExecutionError, NodeTimeoutError } from "../run/errors.js";
import type { LogLine } from "../run/events.js";
import { isPause } from "../run/pause.js";
import { AttemptPermits, AttemptSlot } from "./attempt-permits.js";
import type { CallTracker } from "./call-tracker.js";
import { Reader } from "./channel.js";
import type { AttemptHost } from "./host.js";
import { checkOutput } from "./output-check.js";
import type { AttemptTelemetry } from "./telemetry/telemetry.js";

/**
 * Makes single attempts of nodes: acquires their permits, then calls the function through hooks, timeout and backend,
 * and checks what it returns. Whether there is an attempt, and another one after it, is decided in `attempts.ts`.
 */
export class SingleAttempts {
  private readonly permits: AttemptPermits;

  constructor(
    private readonly host: AttemptHost,
    private readonly scope: CancelScope,
  ) {
    this.permits = new AttemptPermits(host, scope);
  }

  /**
   * Makes attempt `n` of a node, with the permits it needs.
   * @param tracker - of the calls of the node's function; undefined unless its cache computes it
   */
  *attempt(node: number, n: number, tracker: CallTracker | undefined): Coroutine {
    const { host } = this;
    const { concurrencyKey } = host.specOf(node).options;
    const isTraced = host.tracesAll || host.schedulerOf(node) !== undefined || concurrencyKey !== undefined;
    const holder = tracker?.holder ?? (isTraced ? holderIn(host, node) : undefined);
    const permits = yield* this.permits.acquire(node, n, holder);
    const slot = new AttemptSlot(this.permits, node, n, holder, permits);
    try {
      return yield* this.execute(node, n, slot, tracker);
    } finally {
      slot.settle();
      this.permits.release(node, slot.permits, holder);
      if (holder !== undefined) untrack(holder);
    }
  }

  private *execute(node: number, n: number, slot: AttemptSlot, tracker: CallTracker | undefined): Coroutine {
    const { host } = this;
    const { holder } = slot;
    const spec = host.specOf(node);
    const { timeout, output } = spec.options;
    this.scope.throwIfCancelled();
    const abort = this.scope.add();
    let followed: AttemptTelemetry | undefined;
    try {
      host.attemptStarted(node, n);
      followed = host.followed(node, n);
      this.scope.throwIfCancelled();
      const barrier = host.barrier();
      if (barrier !== undefined) yield* this.scope.wait(barrier);
      const ctx = host.contextOf(node, n, new Controls(host, abort, tracker, slot, followed));
      const args = host.argumentsOf(node, ctx);
      args.forEach((value, i) => {
        if (value instanceof Reader) args[i] = value.with(slot);
      });
      const call = { spec, args, ctx, holder, slot, followed };
      const inside = <T>(work: () => T): T =>
        followed === undefined ? within(holder, work) : followed.within(() => within(holder, work));
      const hooks = host.hooksOf(node);
      if (hooks.length === 0 && timeout === undefined && output === undefined && tracker === undefined) {
        const work = inside(() => host.execute(node, call, abort, noStart));
        const pending = pendingOf(work);
        const returned = pending === undefined ? work : yield abort.race(pending);
        followed?.ended("completed", returned);
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      const timeoutError = () => {
        const message = `${host.labelOf(node)} took longer than its timeout of ${timeout} ms. Raise it, or find out what takes so long.`;
        return new NodeTimeoutError(message, host.siteOf(node, n));
      };
      const begin = (onStart: () => void) => inside(() => host.execute(node, call, abort, onStart));
      const execute = () => {
        const timed = withTimeout({ timeout, abort, timeoutError }, begin);
        const checked = output === undefined ? timed : this.checked(node, call, timed);
        return tracker === undefined ? checked : tracker.track(checked);
      };
      if (hooks.length === 0) {
        const returned = yield* execute();
        followed?.ended("completed", returned);
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      let returned: unknown;
      const label = inSentence(host.labelOf(node));
      const siteOf = (cause: unknown) => host.siteOf(node, n, { cause });
      const attempt = { ...call, label, siteOf, within: inside };
      const result = yield* withHooks(hooks, attempt, this.scope, function* () {
        returned = yield* execute();
        return host.resultIn(returned);
      });
      followed?.ended("completed", result);
      return host.outcomeOf(node, returned, result, call.args);
    } catch (error) {
      followed?.ended(isPause(error) ? "paused" : this.scope.isCancellation(error) ? "cancelled" : "failed", error);
      if (!isPause(error)) host.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.scope.remove(abort);
    }
  }

  /** Checks what a node's function returns against its schema. @throws {ExecutionError} EXECUTION */
  private *checked(node: number, { spec, args, ctx }: AttemptCall, execution: Coroutine): Coroutine {
    const { host, scope: waits } = this;
    const returned = yield* execution;
    const output = { schema: spec.options.output as StandardSchema, label: host.labelOf(node), name: spec.name, waits };
    try {
      return yield* host.checked(node, returned, args, (value) => checkOutput(value, output));
    } catch (cause) {
      if (waits.isCancellation(cause)) throw cause;
      throw new ExecutionError(messageOf(cause), host.siteOf(node, ctx.attempt, { cause }));
    }
  }
}

/** The node in the wait-for graph. */
export function holderIn(host: AttemptHost, node: number): Holder {
  return host.holderOf?.(node) ?? new Holder(() => describeNode(host, node), host.callerOf(node));
}

/** For calls without a timeout. */
function noStart(): void {}

/** Calls `work` as part of a node's attempt. */
function within<T>(holder: Holder | undefined, work: () => T): T {
  return holder === undefined ? work() : track(holder, work);
}

/** The node and its run, for messages. */
function describeNode(host: AttemptHost, node: number): string {
  return `${inSentence(host.labelOf(node))} of run "${host.siteOf(node, 0).runId}"`;
}

/** The controls of one attempt: those of its run, with its own signal. */
class Controls implements AttemptControls {
  constructor(
    private readonly host: AttemptHost,
    private readonly abort: LazyAbort,
    private readonly tracker: CallTracker | undefined,
    private readonly slot: AttemptSlot,
    private readonly followed: AttemptTelemetry | undefined,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  progress(node: number, attempt: number, fraction: number, message: string | undefined): void {
    this.host.progress(node, attempt, fraction, message);
  }

  log(node: number, attempt: number, line: LogLine): void {
    this.host.log(node, attempt, line);
  }

  runInside(node: number, attempt: number, workflow: unknown, options: ChildRunOptions): Promise<unknown> {
    return this.host.callInside(node, {
      attempt,
      workflow,
      options,
      abort: this.abort,
      slot: this.slot,
      holder: this.slot.holder,
      followed: this.followed,
    });
  }

  onRead(what: "inputs" | "results"): void {
    this.tracker?.onRead(what);
  }
}
