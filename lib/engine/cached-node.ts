import type { Coroutine } from "../base/coroutine.js";
import { structuralKey } from "../base/structural-key.js";
import type { CancelScope } from "../base/cancel-scope.js";
import type { CacheClient } from "../policies/cache.js";
import type { Deadlock } from "../policies/deadlock.js";
import type { Failure, StaleResult } from "../policies/flight.js";
import type { Holder } from "../policies/holder.js";
import { DeadlockError, isErrorOf, sameErrorAt } from "../run/errors.js";
import type { CallTracker } from "./call-tracker.js";
import type { AttemptHost } from "./host.js";

/** Computes nodes for their caches. */
export interface NodeComputer {
  /** The node in the wait-for graph. */
  holder(node: number): Holder;
  /** Starts to track the calls of the node's function. */
  track(node: number, holder: Holder): CallTracker;
  /** Runs a node without its cache and its fallback. */
  compute(node: number): Coroutine;
  /** Computes a node's result in the background, even after the run has ended. */
  refresh(node: number): Promise<unknown>;
}

/** A node of a run, as the client of its cache. */
export class CachedNode implements CacheClient {
  private lazyHolder: Holder | undefined = undefined;
  private tracker: CallTracker | undefined = undefined;

  constructor(
    private readonly computer: NodeComputer,
    private readonly host: AttemptHost,
    readonly waits: CancelScope,
    private readonly node: number,
  ) {}

  get sync(): boolean {
    return this.host.sync;
  }

  get holder(): Holder {
    return (this.lazyHolder ??= this.computer.holder(this.node));
  }

  compute(): Coroutine {
    this.tracker = this.computer.track(this.node, this.holder);
    return this.computer.compute(this.node);
  }

  refresh(): Promise<unknown> {
    return this.computer.refresh(this.node);
  }

  hit(): void {
    this.host.cacheHit(this.node);
  }

  missed(): void {
    this.host.cacheMissed(this.node);
  }

  servedStale({ error, storedAt }: StaleResult): void {
    this.host.staleServed(this.node, error, storedAt);
  }

  refreshFailed(error: unknown, failures: number, retryAt: number): void {
    this.host.refreshFailed(this.node, error, failures, retryAt);
  }

  failure(error: unknown): Failure | undefined {
    const { host, node, tracker } = this;
    const { runId } = host.siteOf(node, 0);
    if (tracker?.isOfNode(error, runId) !== true || tracker.hasReadResults) return undefined;
    const contextKey = tracker.hasReadInputs ? this.contextKey() : "";
    return contextKey === undefined ? undefined : { error, runId, contextKey };
  }

  adopt({ error, runId, contextKey }: Failure): { readonly error: unknown } | undefined {
    const { host, node } = this;
    if (contextKey !== "" && contextKey !== this.contextKey()) return undefined;
    host.notAttempted(node);
    return { error: isErrorOf(runId, error) ? sameErrorAt(host.siteOf(node, 0), error) : error };
  }

  deadlock({ text }: Deadlock): Error {
    const { host, node } = this;
    host.notAttempted(node);
    const message = `${host.labelOf(node)} would wait forever: ${text}. Let the inner run ask for something else, or start it after the node is done.`;
    return new DeadlockError(message, host.siteOf(node, 0));
  }

  /** Structural key of the run's metadata and inputs; undefined when they can't be compared. */
  private contextKey(): string | undefined {
    const { metadata, inputs } = this.host.contextOf(this.node, 0, this.host);
    try {
      return structuralKey([metadata, inputs]);
    } catch {
      return undefined;
    }
  }
}
