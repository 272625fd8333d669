import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import { storeFailure } from "../stores/database/store-failure.js";
import type { HeldRun, RunQueue } from "../stores/queue/queue.js";

/** How long a run is left alone that may end its process, as long as another one of these is driven, in ms. */
const APART = 1000;

/** How long a run is left alone that could not be driven: at first, and at most, in ms. */
const POSTPONED = { first: 1000, longest: 60_000 };

/**
 * The runs that go back to the queue, since they can't be driven here, or no longer can. While the store can't be
 * reached, they wait here.
 */
export class Returns {
  /**
   * The runs, and how long each is left alone. A run may be here twice: from the time it was driven, and from a later
   * claim.
   */
  private readonly runs = new Map<string, HeldRun & { readonly delay: number }>();
  /** How often a run was postponed. */
  private readonly postponed = new Map<string, number>();

  constructor(private readonly queue: RunQueue) {}

  add(run: HeldRun): void {
    this.leave(run, 0);
  }

  /** Leaves a run alone for a moment, until there is a place for it. */
  defer(run: HeldRun): void {
    this.leave(run, APART);
  }

  /** Leaves a run alone for a while: longer each time. @returns whether it is the first time */
  postpone(run: HeldRun): boolean {
    const times = this.postponed.get(run.runId) ?? 0;
    this.postponed.set(run.runId, times + 1);
    this.leave(run, Math.min(POSTPONED.longest, POSTPONED.first * 2 ** times));
    return times === 0;
  }

  /** The run has ended. */
  forget(runId: string): void {
    this.postponed.delete(runId);
  }

  /** Gives them back. @throws {StoreError} when the store can't be reached; they stay */
  async flush(): Promise<void> {
    const all = Array.from(this.runs.values());
    for (const delay of new Set(all.map((run) => run.delay))) {
      const runs = all.filter((run) => run.delay === delay);
      await this.release(runs, delay);
      for (const run of runs) if (this.runs.get(keyOf(run)) === run) this.runs.delete(keyOf(run));
    }
  }

  /**
   * Releases runs together or, if the store refuses that, one by one. A run that is refused is left to whoever finds
   * its lease expired.
   */
  private async release(runs: readonly HeldRun[], delay: number): Promise<void> {
    try {
      await this.queue.release(runs, delay);
    } catch (error) {
      if (storeFailure(error) !== "refused") throw error;
      const [{ runId }, ...others] = runs;
      if (others.length > 0) for (const run of runs) await this.release([run], delay);
      else warn(`Run ${show(runId)} can't be given back to its queue: ${messageOf(error)}`, "DagwrightServiceWarning");
    }
  }

  private leave({ runId, token }: HeldRun, delay: number): void {
    this.runs.set(keyOf({ runId, token }), { runId, token, delay });
  }
}

function keyOf({ runId, token }: HeldRun): string {
  return `${token} ${runId}`;
}
