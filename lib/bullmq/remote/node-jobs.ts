import { Semaphore } from "../../base/semaphore.js";
import { publish } from "./heard-events.js";
import type { NodeQueue, NodeQueueJob } from "./queue-ends.js";
import type { NodeJob } from "./wire.js";

/** How many requests the broker gets at a time. What waits for a connection of a pool for long fails. */
const AT_ONCE = 64;

/** How long the job of an attempt is kept that nobody asks for, in s: of a recorded run, whose driver may be replaced, longer. */
const KEPT = { age: 3600 };
const KEPT_RECORDED = { age: 7 * 86_400 };

/** The jobs of a queue, as runs see them. */
export class NodeJobs {
  private readonly turns = new Semaphore(AT_ONCE);

  constructor(private readonly queue: NodeQueue) {}

  /**
   * Enqueues a job; one of this id stays as it is.
   * @param isWanted - asked when it is its turn
   * @returns whether it is there
   */
  add(id: string, job: NodeJob, isRecorded: boolean, isWanted: () => boolean): Promise<boolean> {
    const kept = isRecorded ? KEPT_RECORDED : KEPT;
    return this.inTurn(async () => {
      if (!isWanted()) return false;
      await this.queue.add(job.node, job, { jobId: id, removeOnComplete: kept, removeOnFail: kept });
      return true;
    });
  }

  get(id: string): Promise<NodeQueueJob | undefined> {
    return this.inTurn(() => this.queue.getJob(id));
  }

  /** @returns false if a worker holds it; perhaps also if it is not there */
  remove(id: string): Promise<boolean> {
    return this.inTurn(async () => (await this.queue.remove(id)) === 1);
  }

  /** Tells all workers something about a job. */
  tell(event: string, id: string): Promise<void> {
    return this.inTurn(() => publish(this.queue.getBackend(), event, id));
  }

  /** Takes jobs from workers that have not been heard of for too long. */
  async takeStalled(): Promise<void> {
    await this.queue.getBackend().moveStalledJobsToWait();
  }

  private async inTurn<T>(request: () => Promise<T>): Promise<T> {
    await this.turns.acquire();
    try {
      return await request();
    } finally {
      this.turns.release();
    }
  }
}
