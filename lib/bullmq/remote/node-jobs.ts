import { Semaphore } from "../../base/semaphore.js";
import { postgresRemedy } from "../brokers/postgres-refusals.js";
import { redisRemedy } from "../brokers/redis-refusals.js";
import { publish } from "./heard-events.js";
import type { NodeQueue, NodeQueueJob } from "./queue-ends.js";
import type { NodeJob } from "./wire.js";

/** How many requests the broker gets at a time. What waits for a connection of a pool for long fails. */
const AT_ONCE = 32;

/** How long the job of an attempt is kept that nobody asks for, in s: of a recorded run, whose driver may be replaced, longer. */
const KEPT = { age: 3600 };
const KEPT_RECORDED = { age: 7 * 86_400 };

/** How long before a job is enqueued again that a broker could not take, in ms: at first, and at most. */
const FIRST_DELAY = 50;
const MAX_DELAY = 1000;

interface Enqueuing {
  /** Whether the run is recorded, so that another driver may ask for the job. */
  readonly isRecorded: boolean;
  /** Whether somebody still waits for it. */
  readonly isWanted: () => boolean;
}

/** The jobs of a queue, as runs see them. */
export class NodeJobs {
  private readonly turns = new Semaphore(AT_ONCE);

  constructor(private readonly queue: NodeQueue) {}

  /**
   * Enqueues a job, once the broker can be reached; one of this id stays as it is.
   * @returns whether it is there
   * @throws what the broker refuses, and would refuse again
   */
  async add(id: string, job: NodeJob, { isRecorded, isWanted }: Enqueuing): Promise<boolean> {
    const kept = isRecorded ? KEPT_RECORDED : KEPT;
    const options = { jobId: id, removeOnComplete: kept, removeOnFail: kept };
    for (let delay = FIRST_DELAY; ; delay = Math.min(MAX_DELAY, 2 * delay)) {
      try {
        return await this.inTurn(async () => isWanted() && (await this.queue.add(job.node, job, options), true));
      } catch (error) {
        if (!isWanted() || isRefusal(error)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
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

/** Whether a broker refuses something, and can be reached. */
function isRefusal(error: unknown): boolean {
  return postgresRemedy(error) !== undefined || redisRemedy(error) !== undefined;
}
