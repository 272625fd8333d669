import { deferred } from "../base/deferred.js";
import { Timer } from "../base/timer.js";
import type { Dispatcher, RunSlot } from "./dispatcher.js";
import { stopOnSignals } from "./signals.js";

/** What a service does from a start to the next stop. Terms follow each other: one begins when the one before has ended. */
export class Term {
  /** Settles when runs are driven, or it was stopped first. */
  readonly started: Promise<void>;
  /** Whether it has been told to stop. */
  isStopping = false;
  private readonly stopped = deferred();
  private interruption: Timer | undefined;
  private forgetSignals: (() => void) | undefined;

  /**
   * @param previous - the term before, if that has not ended
   * @param onSignal - called when the process is asked to end; undefined to leave that to others
   * @param onEnd - called when it has ended, or could not begin
   */
  constructor(
    private readonly dispatcher: Dispatcher,
    private previous: Term | undefined,
    private readonly onSignal: (() => Promise<void>) | undefined,
    private readonly onEnd: () => void,
  ) {
    this.started = this.begin();
  }

  /** The runs that are driven, by id. */
  get slots(): ReadonlyMap<string, RunSlot> {
    return this.previous?.slots ?? this.dispatcher.slots;
  }

  private async begin(): Promise<void> {
    await this.previous?.stopped.promise;
    this.previous = undefined;
    if (this.isStopping) return;
    try {
      await this.dispatcher.start();
    } catch (error) {
      // Some runs may be driven already.
      await this.stop(0);
      throw error;
    }
    if (this.onSignal !== undefined && !this.isStopping) this.forgetSignals = stopOnSignals(this.onSignal);
  }

  /**
   * Begins no more runs. Resolves when none is driven. Another call can shorten the grace.
   * @param grace - how long runs may go on before they are interrupted, in ms
   */
  stop(grace: number): Promise<void> {
    void this.previous?.stop(grace);
    this.interruption?.stop();
    this.interruption = Timer.after(grace, () => this.dispatcher.interrupt());
    if (!this.isStopping) void this.drain();
    return this.stopped.promise;
  }

  private async drain(): Promise<void> {
    this.isStopping = true;
    this.forgetSignals?.();
    await this.previous?.stopped.promise;
    await this.dispatcher.drain();
    this.interruption?.stop();
    this.onEnd();
    this.stopped.resolve();
  }
}
