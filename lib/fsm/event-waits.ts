import { AsyncResource } from "node:async_hooks";
import { Timer } from "../base/timer.js";
import { sleepSync } from "../base/sleep-sync.js";
import type { Lifecycle } from "../engine/lifecycle.js";
import type { WaitingFor } from "../run/waiting-for.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { PendingEvent } from "../engine/events/event-queue.js";
import type { Inbox } from "../engine/events/inbox.js";
import { describeWait, type Wait } from "./transition.js";

/** How often the store is polled for events after a deadline, at most, and the interval between polls, in ms. */
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
  /** In ms since 1970. */
  timeOfDay(): number;
  /** Starts the transition to a state. */
  goTo(to: number, value: unknown): void;
  /** Ends the run as `paused`. */
  endPaused(reason: string, dueAt: number | undefined): void;
  /** Ends the run as `waiting`. */
  endWaiting(reason: string, waitingFor: WaitingFor): void;
  /** Called when the run begins to wait. */
  waitBegan(): void;
  waitEnded(): void;
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
 */
export class EventWaits {
  private open: OpenWait | undefined = undefined;
  /** Whether the run is leaving a wait for the next state. */
  isLeaving = false;
  /** The event that ended the wait which the run is leaving. */
  private event: PendingEvent | undefined = undefined;

  constructor(
    private readonly run: WaitingRun,
    private readonly inbox: Inbox | undefined,
    private readonly recorder: FsmRecorder | undefined,
  ) {}

  /** Whether the run waits for an event. */
  accepts(event: string): boolean {
    return this.open?.events.has(event) === true;
  }

  /** What the run waits for. */
  get waitingFor(): WaitingFor | undefined {
    return this.open && { events: Array.from(this.open.events.keys()), until: this.open.after?.at };
  }

  /** The open wait in words. */
  get description(): string | undefined {
    return this.open && describeWait(this.open);
  }

  /** The deadline of the open wait, in ms since 1970. */
  get dueAt(): number | undefined {
    return this.open?.after?.at;
  }

  /** Leaves at once if there is an event that ends the wait. Otherwise waits. */
  begin(wait: Wait): void {
    const { run, recorder } = this;
    const { after } = wait;
    recorder?.waits(wait);
    if (this.leaveWithEvent(wait)) return;
    if (run.isPausing) return run.endPaused(describeWait(wait), after?.at);
    if (run.sync && after !== undefined) {
      sleepSync(Math.max(0, after.at - run.timeOfDay()));
      return this.leave(after.state, undefined);
    }
    run.busy = true;
    // Without a deadline, the timer only keeps the process alive.
    const isDue = after !== undefined && after.at <= run.timeOfDay();
    const timer = isDue
      ? undefined
      : Timer.at(
          after?.at ?? Infinity,
          () => this.end(),
          () => run.timeOfDay(),
        );
    this.open = { ...wait, timer, asyncContext: new AsyncResource("DagwrightRun") };
    recorder?.listen();
    if (isDue) this.end();
    else run.waitBegan();
  }

  /** Puts the run away until it is due, or an event is sent. */
  putAway(): void {
    const { open, run, waitingFor } = this;
    if (open === undefined) return;
    this.stop();
    run.endWaiting(describeWait(open), waitingFor as WaitingFor);
  }

  /** Leaves the open wait if a new event ends it. */
  eventsAdded(): void {
    const { open } = this;
    open?.asyncContext.runInAsyncScope(() => this.leaveWithEvent(open) && this.run.pump());
  }

  /** Returns whether there was an event that ends the wait. */
  private leaveWithEvent(wait: Wait): boolean {
    const event = this.inbox?.peek(wait.events.keys(), wait.after?.at);
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
   * Ends the open wait at its deadline. First polls the store for events of other processes, one of which may have been
   * sent in time; if that keeps failing, the run pauses.
   */
  private end(attempts = POLL_ATTEMPTS): void {
    const { run, open, recorder } = this;
    const isOpen = () => open !== undefined && this.open === open;
    const end = (how: "leave" | "pause") =>
      run.life.guard(() => {
        if (open === undefined || !isOpen()) return;
        this.stop();
        if (how === "pause") run.endPaused(describeWait(open), open.after?.at);
        else this.leave((open.after as NonNullable<Wait["after"]>).state, undefined);
        run.pump();
      });
    const leave = () => end("leave");
    if (recorder === undefined) return leave();
    const retry = () => {
      if (attempts <= 1) return end("pause");
      if (open !== undefined && isOpen()) open.timer = Timer.after(POLL_INTERVAL, () => this.end(attempts - 1));
    };
    recorder.pollEvents().then(leave, retry);
  }

  /** Closes the open wait, if there is one. */
  stop(): void {
    this.open?.timer?.stop();
    if (this.open !== undefined) this.run.waitEnded();
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
