import { LazyAbort } from "../base/abort.js";
import type { Coroutine } from "../base/coroutine.js";
import { inline } from "../backends/inline.js";
import type { NodeHooks } from "../definition/node-options.js";
import { UncacheableInputs, type ResultCache } from "../policies/cache.js";
import { hooked } from "../policies/hooks.js";
import { AttemptsFailed, retrying } from "../policies/retry.js";
import { limited } from "../policies/timeout.js";
import { NodeContext, type AttemptControls } from "../run/context.js";
import { ExecutionError, messageOf, NodeTimeoutError, RetryExhaustedError } from "../run/errors.js";
import type { RunState } from "../run/state.js";
import type { Arguments } from "./arguments.js";
import { withInput } from "./forks.js";

/** What attempts need of the run they are part of. */
export interface AttemptHost extends AttemptControls {
  readonly state: RunState;
  readonly args: Arguments;
  readonly sync: boolean;
  /** The hooks of all nodes: the default ones, then the run's. */
  readonly hooks: readonly NodeHooks[];
  cacheOf(node: string): ResultCache | undefined;
  /** Takes a slot; a promise when it has to wait for one. */
  acquire(node: number): void | Promise<void>;
  /** Gives the slot of an attempt back. */
  giveBack(): void;
  /** Called before a pause between attempts: the slot is free meanwhile. */
  waiting(): void;
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

  /** Runs a node with whatever its options ask for; gives its result. */
  *run(node: number): Coroutine {
    const { name, options } = this.host.state.plan.specs[node];
    const retries = options.retry ?? 0;
    const attempts = () => (retries > 0 ? this.retried(node, retries) : this.attempt(node, 1));
    const cache = options.cache === undefined ? undefined : this.host.cacheOf(name);
    return yield* cache === undefined ? attempts() : this.cached(node, cache, attempts);
  }

  /** Interrupts all attempts in progress; says whether there were any. */
  interrupt(reason: unknown): boolean {
    for (const attempt of this.inProgress) attempt.abort(reason);
    return this.inProgress.size > 0;
  }

  private *cached(node: number, cache: ResultCache, attempts: () => Coroutine): Coroutine {
    const { state, args } = this.host;
    const onHit = () => {
      state.facts.cached.add(node);
      state.facts.attempts.set(node, 0);
    };
    try {
      return yield* cache.lookUp(args.inputsOf(node), attempts, onHit);
    } catch (error) {
      if (!(error instanceof UncacheableInputs)) throw error;
      const { name } = state.plan.specs[node];
      const message = `The inputs of cached node "${name}" can't be compared: ${error.message} Pass plain data.`;
      throw new ExecutionError(message, { runId: state.runId, node: name, attempt: 0, cause: error.cause });
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
      const { name } = host.state.plan.specs[node];
      const site = { runId: host.state.runId, node: name, attempt: errors.length, cause };
      const message = `Node "${name}" failed in all ${errors.length} attempts, at last: ${messageOf(cause)}`;
      throw new RetryExhaustedError(message, site, errors);
    }
  }

  private *attempt(node: number, n: number): Coroutine {
    const { host } = this;
    const { state } = host;
    const spec = state.plan.specs[node];
    const { timeout } = spec.options;
    yield host.acquire(node);
    const abort = new LazyAbort();
    this.inProgress.add(abort);
    state.facts.attempts.set(node, n);
    try {
      host.attemptStarted(node, n);
      const ctx = new NodeContext(state, node, n, new Controls(host, abort));
      const call = { spec, args: host.args.all(node, ctx), ctx };
      const expired = () => {
        const message = `Node "${spec.name}" took longer than its timeout of ${timeout} ms.`;
        return new NodeTimeoutError(message, { runId: state.runId, node: spec.name, attempt: n });
      };
      const execute = () => limited(timeout, abort, expired, () => inline.execute(call));
      const own = state.plan.hooks.get(node);
      const hooks = own === undefined ? host.hooks : [...host.hooks, own];
      const result = yield* hooks.length === 0 ? execute() : hooked(hooks, call, execute);
      const fork = state.plan.forks.get(node);
      return fork === undefined ? result : withInput(fork, result, call.args);
    } catch (error) {
      host.attemptFailed(node, n, error);
      throw error;
    } finally {
      this.inProgress.delete(abort);
      host.giveBack();
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
