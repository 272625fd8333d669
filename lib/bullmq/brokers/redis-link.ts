import { once } from "node:events";
import type { Cluster, Redis } from "ioredis";
import { type BrokerFailure, byBroker } from "./broker-failure.js";

/** A connection to Redis that is made when it is needed, and keeps no process alive. */
export class RedisLink {
  private connecting: Promise<void> | undefined;
  private lastError: Error | undefined;
  private isClosed = false;

  /** @param redis - not connected yet, and one that does not connect again by itself */
  constructor(readonly redis: Redis | Cluster) {
    redis.on("error", (error: Error) => (this.lastError = error));
    if ("nodes" in redis) redis.on("+node", detached);
    else detached(redis);
  }

  get isReady(): boolean {
    const { redis } = this;
    // A cluster stays ready when the last of its nodes is gone.
    return redis.status === "ready" && (!("nodes" in redis) || redis.nodes().length > 0);
  }

  /** Resolves when commands are taken. @throws the reason why they are not */
  async ready(): Promise<void> {
    if (this.isReady) return;
    if (this.isClosed) throw new Error("the connection is closed");
    this.connecting ??= this.connect().finally(() => (this.connecting = undefined));
    await this.connecting;
  }

  private async connect(): Promise<void> {
    this.lastError = undefined;
    try {
      await this.end();
      await byBroker(this.redis.connect());
    } catch (error) {
      throw this.lastError ?? (error as BrokerFailure).cause;
    }
  }

  /** Ends what is left of an earlier connection. */
  private async end(): Promise<void> {
    const { redis } = this;
    if (redis.status === "wait" || redis.status === "end") return;
    const ended = once(redis, "end");
    redis.disconnect();
    await byBroker(ended);
  }

  close(): void {
    this.isClosed = true;
    this.redis.disconnect();
  }
}

function detached(redis: Redis): void {
  redis.on("connect", () => redis.stream.unref());
}
