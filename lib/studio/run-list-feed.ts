import { deferred, type Deferred } from "../base/deferred.js";
import { toJson } from "../observers/event-json.js";
import type { RunSummary } from "../store.js";

/** How often the store is asked for news, in ms. */
const INTERVAL = 1000;

/** What is new of a list. */
export interface ListNews {
  /** The runs that came or have changed. */
  readonly runs: readonly RunSummary[];
  /** The ids of those that do not meet the condition any more, or are deleted. */
  readonly gone: readonly string[];
}

/** A run, and the JSON that shows whether it has changed. */
interface Seen {
  readonly run: RunSummary;
  readonly text: string;
}

/**
 * The newest runs that meet a condition, for all who watch them: one look at the store per interval, however many they
 * are, and none when there are none.
 */
export class RunListFeed {
  private latest: ReadonlyMap<string, Seen> = new Map();
  /** How often something has changed. */
  private version = 0;
  private watchers = 0;
  private next: Deferred<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param read - the newest runs */
  constructor(
    private readonly read: () => Promise<readonly RunSummary[]>,
    private readonly onLeft: () => void,
  ) {}

  /** First all runs that are there, then those that have changed, until the signal aborts. */
  async *changes(signal: AbortSignal): AsyncGenerator<ListNews, void> {
    let known: ReadonlyMap<string, Seen> | undefined;
    let version = this.version === 0 ? 0 : -1;
    const stopped = deferred();
    const stop = () => stopped.resolve();
    signal.addEventListener("abort", stop);
    this.watchers++;
    if (this.watchers === 1) void this.look();
    try {
      while (!signal.aborted) {
        if (version === this.version) {
          this.next ??= deferred();
          await Promise.race([this.next.promise, stopped.promise]);
          continue;
        }
        const before = known;
        version = this.version;
        known = this.latest;
        yield newsOf(before ?? new Map(), known);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.watchers--;
      if (this.watchers === 0) this.rest();
    }
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.onLeft();
  }

  private async look(): Promise<void> {
    try {
      const runs = await this.read();
      const latest = new Map(runs.map((run) => [run.runId, { run, text: toJson(run) }]));
      const isNew = this.version === 0 || latest.size !== this.latest.size;
      if (isNew || Array.from(latest).some(([id, { text }]) => this.latest.get(id)?.text !== text)) {
        this.latest = latest;
        this.version++;
        this.next?.resolve();
        this.next = undefined;
      }
    } catch (error) {
      const { next } = this;
      this.next = undefined;
      // Its rejection may have no other handler.
      next?.promise.catch(() => {});
      next?.reject(error);
    }
    if (this.watchers === 0) return;
    this.timer = setTimeout(() => void this.look(), INTERVAL);
    this.timer.unref();
  }
}

function newsOf(before: ReadonlyMap<string, Seen>, after: ReadonlyMap<string, Seen>): ListNews {
  const runs = Array.from(after.values()).flatMap(({ run, text }) => (before.get(run.runId)?.text === text ? [] : run));
  // Older ones may only have been pushed out by newer ones.
  const oldest = Math.min(...Array.from(after.values(), ({ run }) => run.createdAt));
  const lost = Array.from(before.values()).filter(({ run }) => !after.has(run.runId));
  const gone = lost.filter(({ run }) => after.size < before.size || run.createdAt > oldest);
  return { runs, gone: gone.map(({ run }) => run.runId) };
}
