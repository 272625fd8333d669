import { AsyncResource } from "node:async_hooks";
import { Timer } from "../base/timer.js";
import { sleepSync } from "../base/sleep-sync.js";
import type { Lifecycle } from "../engine/lifecycle.js";
import { timeOfDay } from "../stores/database/time.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { PendingEvent } from "./event-queue.js";
import type { Inbox } from "./inbox.js";
import { describeWait, type Wait } from "./transition.js";

/** How often, and at which interval in ms, polling the store for events is tried after a deadline. */
const POLL_ATTEMPTS = 10;
const POLL_INTERVAL = 500;

/** The run that waits. */
export interface WaitingRun {
  /** Whether waiting blocks the thread. */
  readonly sync: boolean;
  /** Whether the run executes no more states. */
  readonly isPausing: boolean;
  /** Whether something has to settle before the next cycle. */
  busy: boolean;
  readonly life: Pick<Lifecycle<unknown>, "guard">;
  /** Starts the transition to a state. */
  goTo(to: number, value: unknown): void;
  /** Ends the run as `paused`. */
  endPaused(reason: string): void;
  /** Executes states as far as possible. */
  pump(): void;
}

interface OpenWait extends Wait {
  /** Fires at the deadline. */
  timer: Timer | undefined;
  /** The async context of the run, since events are sent from others. */
  readonly asyncContext: AsyncResource;
}

/**
 * The waits of an fsm's run for events, one at a time. A wait ends with the first event that was sent by its deadline,
 * or at the deadline.
 *
 * A recorded run without a handle does not wait in memory: it ends as `paused`, and continues when it is recovered.
 */
export class EventWaits {
  private open: OpenWait | undefined = undefined;
  /** Whether the run is on its way from a wait to the next state. */
  isLeaving = false;
  /** The event that ended the wait which the run is leaving. */
  private event: PendingEvent | undefined = undefined;

  constructor(
    private readonly run: WaitingRun,
    private readonly inbox: Inbox | undefined,
    private readonly recorder: FsmRecorder | undefined,
    /** Whether the run has a handle, which can send events. */
    private readonly takesEvents: boolean,
  ) {}

  /** The open wait in words. */
  get description(): string | undefined {
    return this.open && describeWait(this.open);
  }

  /**
   * Leaves at once if there is an event that ends the wait. Otherwise waits, or pauses a recorded run without a handle.
   */
  begin(wait: Wait): void {
    const { run, recorder, takesEvents } = this;
    const { after } = wait;
    recorder?.waits(wait);
    if (this.leaveWithEvent(wait)) return;
    if (run.isPausing) return run.endPaused(describeWait(wait));
    if (run.sync && after !== undefined) {
      sleepSync(Math.max(0, after.at - timeOfDay()));
      return this.leave(after.state, undefined);
    }
    run.busy = true;
    const pauses = !takesEvents && recorder !== undefined;
    const timer = pauses || after === undefined ? undefined : Timer.at(after.at, () => this.end({ isDue: true }));
    this.open = { ...wait, timer, asyncContext: new AsyncResource("DagwrightRun") };
    if (pauses) this.end({ isDue: after !== undefined && after.at <= timeOfDay() });
    else recorder?.listen();
  }

  /** Leaves the open wait if a new event ends it. */
  eventsAdded(): void {
    const { open } = this;
    open?.asyncContext.runInAsyncScope(() => this.leaveWithEvent(open) && this.run.pump());
  }

  /** Returns whether there was an event that ends the wait. */
  private leaveWithEvent(wait: Wait): boolean {
    const event = this.inbox?.peek(wait);
    if (event === undefined) return false;
    if (this.open !== undefined) this.stop();
    this.event = event;
    this.leave(wait.events.get(event.event) as number, event.payload);
    return true;
  }

  private leave(to: number, payload: unknown): void {
    this.isLeaving = true;
    this.run.goTo(to, payload);
  }

  /**
   * Ends the open wait without an event in memory. First polls the store for events of other processes, one of which
   * may have been sent in time. Otherwise leaves for the state of a deadline that is due, or pauses the run.
   */
  private end({ isDue, attempts = POLL_ATTEMPTS }: { readonly isDue: boolean; readonly attempts?: number }): void {
    const { run, open, recorder } = this;
    const isOpen = () => open !== undefined && this.open === open;
    const end = (how: "leave" | "pause") =>
      run.life.guard(() => {
        if (open === undefined || !isOpen()) return;
        this.stop();
        if (how === "pause") run.endPaused(describeWait(open));
        else this.leave((open.after as NonNullable<Wait["after"]>).state, undefined);
        run.pump();
      });
    const polled = () => end(isDue ? "leave" : "pause");
    if (recorder === undefined) return polled();
    // A run that ends as paused reports an unreachable store itself, when it writes its end.
    const retry = () => {
      if (!isDue || attempts <= 1) return end("pause");
      if (open !== undefined && isOpen()) {
        open.timer = Timer.after(POLL_INTERVAL, () => this.end({ isDue, attempts: attempts - 1 }));
      }
    };
    recorder.pollEvents().then(polled, retry);
  }

  /** Closes the open wait, if there is one. */
  stop(): void {
    this.open?.timer?.stop();
    this.open = undefined;
    this.run.busy = false;
    this.recorder?.unlisten();
  }

  /**
   * Completes the leaving of a wait. The event that ended it is recorded as taken, together with the next entry.
   * @returns that event, for {@link EventWaits.acknowledge}
   */
  take(): PendingEvent | undefined {
    if (!this.isLeaving) return undefined;
    this.isLeaving = false;
    const { event } = this;
    this.event = undefined;
    if (event !== undefined) this.inbox?.take(event);
    return event;
  }

  /** Tells the sender of an event that it was taken. */
  acknowledge(event: PendingEvent | undefined): void {
    if (event !== undefined) this.inbox?.acknowledge(event);
  }
}
