import type { RunQueue } from "../stores/queue/queue.js";
import type { OpenQueue, QueueRequest, ServiceQueue, Taken } from "./queue.js";

/** The queue that needs nothing but the store: runs are found by asking for the first that are ready. */
export const storeQueue: ServiceQueue = { open: (runs) => new StoreQueue(runs) };

class StoreQueue implements OpenQueue {
  /** Whether the store has told of runs that are ready. */
  private isTold = false;

  constructor(private readonly runs: RunQueue) {}

  start(): Promise<void> {
    return Promise.resolve();
  }

  async claim({ workflows, limit }: QueueRequest): Promise<Taken> {
    if (this.isTold && limit > 0) {
      this.isTold = false;
      const { runs } = await this.runs.claimNext({ workflows, limit });
      // When the next one is due is found out afterwards.
      if (runs.length > 0) return { runs, nextIn: 0 };
    }
    const { nextIn, hasReady } = await this.runs.promoteDue(workflows.map(({ name }) => name));
    if (!hasReady || limit === 0) return { runs: [], nextIn };
    const claimed = await this.runs.claimNext({ workflows, limit });
    return { runs: claimed.runs, nextIn: earlier(nextIn, claimed.nextIn) };
  }

  over(): void {}

  onReady(listener: () => void): () => void {
    return this.runs.onWake((what) => {
      if (what !== "ready") return;
      this.isTold = true;
      listener();
    });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** @returns the smaller one; undefined if both are */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
