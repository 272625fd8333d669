import type { NodeJobs } from "./node-jobs.js";
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
  async add(id: string, jobs: NodeJobs): Promise<void> {
    this.ids.add(id);
    if (await jobs.remove(id).catch(() => false)) this.ids.delete(id);
    else await jobs.tell(CANCEL, id);
  }

  /** A worker is done with a job. */
  async ended(id: string, jobs: NodeJobs): Promise<void> {
    if (this.ids.delete(id)) await jobs.remove(id);
  }

  /** Tries again what was not heard of, or is not known to have ended. */
  async tryAgain(jobs: NodeJobs): Promise<void> {
    for (const id of Array.from(this.ids).slice(0, AT_ONCE)) {
      // Those that are still there are the last to be looked at the next time.
      this.ids.delete(id);
      if ((await jobs.get(id)) !== undefined) await this.add(id, jobs);
    }
  }
}
