import { lookLater } from "../base/clockwork.js";
import { ClosedError } from "../base/errors.js";
import type { Observer } from "../run/events.js";
import type { SqlStore } from "../stores/sql-store.js";
import { FollowedRun } from "./followed-run.js";
import type { FollowOptions } from "./options.js";
import { RunFeed } from "./run-feed.js";

/**
 * The runs that a client follows. One query asks the store which of them have changed: when it reports that a run has
 * ended, and otherwise from time to time, while somebody waits for an event.
 */
export class RunFeeds {
  private readonly runs = new Map<string, FollowedRun>();
  /** Keeps the process alive while somebody waits. */
  private timer: NodeJS.Timeout | undefined;
  private isAsking = false;
  private isAskedAgain = false;
  private closed: ClosedError | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly store: SqlStore,
    /** How often to ask, in ms. */
    private readonly interval: number,
    /** What they are followed through, for messages. */
    private readonly owner: "service" | "client",
    /** Calls the listener with what happens to a run in this process. */
    private readonly listen: (runId: string, listener: Observer) => () => void,
  ) {
    this.stopListening = store.queue.onWake((what) => {
      if (what === "ended") this.ask();
    });
  }

  /** The events of a run. */
  follow(runId: string, options: FollowOptions): RunFeed {
    return new RunFeed(() => this.followed(runId), options);
  }

  /** Ends all feeds with an error. */
  close(): void {
    this.closed = new ClosedError(
      `The ${this.owner} is closed. Follow runs before it is, or with another ${this.owner}.`,
    );
    this.stopListening();
    this.stopAsking();
    for (const run of Array.from(this.runs.values())) run.fail(this.closed);
  }

  /** @throws {ClosedError} */
  private followed(runId: string): FollowedRun {
    if (this.closed !== undefined) throw this.closed;
    let run = this.runs.get(runId);
    if (run === undefined) {
      run = new FollowedRun(runId, {
        read: () => this.store.history(runId),
        listen: (listener) => this.listen(runId, listener),
        wanted: (isNew) => {
          if (isNew) this.ask();
          else this.askLater();
        },
        left: () => {
          this.runs.delete(runId);
          if (this.wanted().size === 0) this.stopAsking();
        },
      });
      this.runs.set(runId, run);
    }
    return run;
  }

  private askLater(): void {
    if (this.isAsking || this.closed !== undefined) return;
    this.timer ??= lookLater(() => this.ask(), this.interval);
  }

  private stopAsking(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Asks now, or again after the question that is under way. */
  private ask(): void {
    this.stopAsking();
    this.isAskedAgain = this.isAsking;
    if (this.isAsking) return;
    this.isAsking = true;
    void this.askNow().then(() => {
      this.isAsking = false;
      if (this.isAskedAgain) this.ask();
      else if (this.wanted().size > 0) this.askLater();
    });
  }

  private async askNow(): Promise<void> {
    // In a later turn, so that concurrent calls share one query.
    await new Promise((turn) => setImmediate(turn));
    const wanted = this.wanted();
    if (wanted.size === 0) return;
    try {
      const marks = await this.store.marksOf(Array.from(wanted.keys()));
      for (const [runId, run] of wanted) run.marked(marks.get(runId));
    } catch (error) {
      for (const run of wanted.values()) run.fail(error);
    }
  }

  private wanted(): ReadonlyMap<string, FollowedRun> {
    return new Map(Array.from(this.runs).filter(([, run]) => run.isWanted));
  }
}
