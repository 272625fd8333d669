import type { Coroutine } from "../base/coroutine.js";
import { isInstance } from "../base/hostile.js";
import { structuralKey } from "../base/structural-key.js";
import type { Waits } from "../base/waits.js";
import type { Context } from "../definition/context.js";
import type { CacheUser } from "../policies/cache.js";
import type { Failure, StandIn } from "../policies/flights.js";
import { isErrorOf, RetryExhaustedError, sameErrorAt } from "../run/errors.js";
import type { AttemptHost, Attempts } from "./attempts.js";

/** How the function of a cached node fares: by this, a failure of the node is told from one of its run alone. */
export class Watch {
  private readonly thrown = new Set<unknown>();
  private hasReadMetadata = false;

  /** Calls the function. */
  *over(call: Coroutine): Coroutine {
    try {
      return yield* call;
    } catch (error) {
      this.thrown.add(error);
      throw error;
    }
  }

  /** Notices when somebody looks at what the run has been given beside inputs. */
  notice(context: Context): void {
    const get = () => {
      this.hasReadMetadata = true;
      return Reflect.get(Object.getPrototypeOf(context) as object, "metadata", context) as unknown;
    };
    Object.defineProperty(context, "metadata", { get });
  }

  get dependsOnMetadata(): boolean {
    return this.hasReadMetadata;
  }

  /** Whether it was the function that failed, in every attempt. */
  hasFailed(error: unknown): boolean {
    if (this.thrown.has(error)) return true;
    return isInstance(error, RetryExhaustedError) && error.errors.every((each) => this.thrown.has(each));
  }
}

/** Looks a node's result up on behalf of its run. */
export class CachedNode implements CacheUser {
  private watch: Watch | undefined = undefined;

  constructor(
    private readonly attempts: Attempts,
    private readonly host: AttemptHost,
    readonly waits: Waits,
    private readonly node: number,
  ) {}

  get sync(): boolean {
    return this.host.sync;
  }

  compute(): Coroutine {
    this.watch = this.attempts.watch(this.node);
    return this.attempts.compute(this.node);
  }

  refresh(): Promise<unknown> {
    return this.attempts.refresh(this.node);
  }

  hit(): void {
    this.host.cacheHit(this.node);
  }

  missed(): void {
    this.host.cacheMissed(this.node);
  }

  stoodIn({ error, storedAt }: StandIn): void {
    this.host.cacheStoodIn(this.node, error, storedAt);
  }

  refreshFailed(error: unknown, failures: number, retryAt: number): void {
    this.host.refreshFailed(this.node, error, failures, retryAt);
  }

  failure(error: unknown): Failure | undefined {
    const { host, watch } = this;
    if (host.isOver || watch?.hasFailed(error) !== true) return undefined;
    const { runId } = host.siteOf(this.node, 0);
    return { error, runId, metadata: watch.dependsOnMetadata ? this.metadataKey() : undefined };
  }

  adopted({ error, runId, metadata }: Failure): { readonly error: unknown } | undefined {
    const { host, node } = this;
    if (metadata !== undefined && (metadata === null || metadata !== this.metadataKey())) return undefined;
    host.notAttempted(node);
    return { error: isErrorOf(runId, error) ? sameErrorAt(host.siteOf(node, 0), error) : error };
  }

  private metadataKey(): string | null {
    const { metadata } = this.host.contextOf(this.node, 0, this.host);
    try {
      return structuralKey(metadata);
    } catch {
      return null;
    }
  }
}
