import { publish } from "./heard-events.js";
import type { NodeQueue } from "./queue-ends.js";
import { CANCEL } from "./wire.js";

/** How many jobs are looked at in one go. */
const AT_ONCE = 50;

/** The jobs of calls that nobody waits for any longer, which workers may still have. */
export class AbandonedJobs {
  private readonly ids = new Set<string>();

  get isEmpty(): boolean {
    return this.ids.size === 0;
  }

  /** Takes a job out of the queue, or tells the worker that has it. */
  async add(id: string, queue: NodeQueue): Promise<void> {
    this.ids.add(id);
    // BullMQ removes no job that a worker holds.
    if ((await queue.remove(id).catch(() => 0)) === 1) this.ids.delete(id);
    else await publish(queue.getBackend(), CANCEL, id);
  }

  /** A worker is done with a job. */
  async ended(id: string, queue: NodeQueue): Promise<void> {
    if (this.ids.delete(id)) await queue.remove(id);
  }

  /** Tries again what was not heard of, or is not known to have ended. */
  async tryAgain(queue: NodeQueue): Promise<void> {
    for (const id of Array.from(this.ids).slice(0, AT_ONCE)) {
      // Those that are still there are the last to be looked at the next time.
      this.ids.delete(id);
      if ((await queue.getJob(id)) !== undefined) await this.add(id, queue);
    }
  }
}
