import { LazyAbort } from "../base/abort.js";
import type { Coroutine } from "../base/coroutine.js";
import type { AttemptCall } from "../backends/backend.js";
import type { Context } from "../definition/context.js";
import type { NodeHooks } from "../definition/node-options.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { UncacheableInputs, type ResultCache } from "../policies/cache.js";
import { hooked } from "../policies/hooks.js";
import { AttemptsFailed, retrying } from "../policies/retry.js";
import { limited } from "../policies/timeout.js";
import type { AttemptControls } from "../run/context.js";
import { ExecutionError, NodeTimeoutError, RetryExhaustedError, type ErrorSite } from "../run/errors.js";
import { messageOf } from "../base/message.js";

/** What attempts need of the run they are part of. Nodes, and states alike, go by their index in the plan. */
export interface AttemptHost extends AttemptControls {
  readonly sync: boolean;
  /** The hooks of a node, in the order in which they run. */
  hooksOf(node: number): readonly NodeHooks[];
  specOf(node: number): NodeSpec;
  /** `Node "x"` or `State "x"`. */
  labelOf(node: number): string;
  cacheOf(node: number): ResultCache | undefined;
  /** A node's inputs, by which its result is kept. */
  inputsOf(node: number): unknown[];
  contextOf(node: number, attempt: number, controls: AttemptControls): Context;
  argumentsOf(node: number, context: Context): unknown[];
  /** What hooks get to see as the result of a function that returned `returned`. */
  resultIn(returned: unknown): unknown;
  /** What the run gets from a function that returned `returned`, after hooks made its result `result`. */
  outcomeOf(node: number, returned: unknown, result: unknown, args: readonly unknown[]): unknown;
  siteOf(node: number, attempt: number, ...cause: [unknown?]): ErrorSite;
  /** Calls the node's function, where the node belongs. @param began - called when that happens later than this */
  execute(node: number, call: AttemptCall, abort: LazyAbort, began: () => void): unknown;
  /** Whether {@link AttemptHost.execute} says when it began. */
  beginsLater(node: number): boolean;
  /** Takes a slot; a promise when it has to wait for one. */
  acquire(node: number): void | Promise<void>;
  /** Gives the slot of an attempt back. */
  giveBack(node: number): void;
  /** Called before a pause between attempts: the slot is free meanwhile. */
  waiting(): void;
  /** The result comes from the node's cache: no attempt is made. */
  cacheHit(node: number): void;
  attemptStarted(node: number, attempt: number): void;
  attemptFailed(node: number, attempt: number, error: unknown): void;
}

/**
 * The nodes that take more than a plain call. Each is a coroutine of layers, from the outside in: cache, retry, slot,
 * hooks, timeout, backend.
 */
export class Attempts {
  private readonly inProgress = new Set<LazyAbort>();

  constructor(private readonly host: AttemptHost) {}

  /** Runs a node with whatever its options ask for; gives what its function returned. */
  *run(node: number): Coroutine {
    const { options } = this.host.specOf(node);
    const retries = options.retry ?? 0;
    const attempts = () => (retries > 0 ? this.retried(node, retries) : this.attempt(node, 1));
    const cache = options.cache === undefined ? undefined : this.host.cacheOf(node);
    return yield* cache === undefined ? attempts() : this.cached(node, cache, attempts);
  }

  /** Interrupts all attempts in progress; says whether there were any. */
  interrupt(reason: unknown): boolean {
    for (const attempt of this.inProgress) attempt.abort(reason);
    return this.inProgress.size > 0;
  }

  private *cached(node: number, cache: ResultCache, attempts: () => Coroutine): Coroutine {
    const { host } = this;
    try {
      return yield* cache.lookUp(host.inputsOf(node), attempts, () => host.cacheHit(node));
    } catch (error) {
      if (!(error instanceof UncacheableInputs)) throw error;
      const message = `${host.labelOf(node)} is cached, but its inputs can't be compared: ${error.message} Pass plain data.`;
      throw new ExecutionError(message, host.siteOf(node, 0, error.cause));
    }
  }

  private *retried(node: number, retries: number): Coroutine {
    const { host } = this;
    try {
      return yield* retrying(retries, (n) => this.attempt(node, n), host);
    } catch (error) {
      if (!(error instanceof AttemptsFailed)) throw error;
      const { errors } = error;
      const cause = errors[errors.length - 1];
      const message = `${host.labelOf(node)} failed in all ${errors.length} attempts, at last: ${messageOf(cause)}`;
      throw new RetryExhaustedError(message, host.siteOf(node, errors.length, cause), errors);
    }
  }

  private *attempt(node: number, n: number): Coroutine {
    const { host } = this;
    const spec = host.specOf(node);
    const { timeout } = spec.options;
    yield host.acquire(node);
    const abort = new LazyAbort();
    this.inProgress.add(abort);
    try {
      host.attemptStarted(node, n);
      const ctx = host.contextOf(node, n, new Controls(host, abort));
      const call = { spec, args: host.argumentsOf(node, ctx), ctx };
      const expired = () => {
        const message = `${host.labelOf(node)} took longer than its timeout of ${timeout} ms.`;
        return new NodeTimeoutError(message, host.siteOf(node, n));
      };
      const execute = () =>
        limited(timeout, abort, expired, (began) => host.execute(node, call, abort, began), host.beginsLater(node));
      const hooks = host.hooksOf(node);
      if (hooks.length === 0) {
        const returned = yield* execute();
        return host.outcomeOf(node, returned, host.resultIn(returned), call.args);
      }
      let returned: unknown;
      const result = yield* hooked(hooks, call, function* () {
        returned = yield* execute();
        return host.resultIn(returned);
      });
      return host.outcomeOf(node, returned, result, call.args);
    } catch (error) {
      host.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.inProgress.delete(abort);
      host.giveBack(node);
    }
  }
}

/** How the context of one attempt reaches the run: with a signal of its own. */
class Controls implements AttemptControls {
  constructor(
    private readonly run: AttemptControls,
    private readonly abort: LazyAbort,
  ) {}

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  progress(node: number, attempt: number, fraction: number | undefined, message: string | undefined): void {
    this.run.progress(node, attempt, fraction, message);
  }
}
