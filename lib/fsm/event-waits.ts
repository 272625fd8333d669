import { AsyncResource } from "node:async_hooks";
import { Timer } from "../base/timer.js";
import { sleepSync } from "../base/sleep-sync.js";
import type { Lifecycle } from "../engine/lifecycle.js";
import { timeOfDay } from "../stores/time.js";
import { textOf, type Wait } from "./transition.js";
import type { FsmRecorder } from "./durable/recorder.js";
import type { Inbox } from "./inbox.js";
import type { Letter } from "./mailbox.js";

/** How soon, in ms, and how often a store is asked again that could not be asked for events. */
const NEXT_LOOK = 500;
const MOST_LOOKS = 10;

/** The run that waits. */
export interface WaitingRun {
  /** Nobody can wait for it, and so it blocks. */
  readonly sync: boolean;
  /** It is to execute no more states. */
  readonly isPausing: boolean;
  /** Something has to settle before it goes on. */
  busy: boolean;
  readonly life: Pick<Lifecycle<unknown>, "guard">;
  /** Goes where the wait leads. */
  leaveWait(to: number, payload: unknown): void;
  /** Comes to rest, and says why. */
  rest(reason: string): void;
  /** Goes on as far as possible. */
  pump(): void;
}

/** What is waited for now. */
interface OpenWait extends Wait {
  timer: Timer | undefined;
  /** The async context of the run, which goes on there, whoever sends the event. */
  readonly home: AsyncResource;
}

/**
 * How a run of an fsm waits for events, be it in this process or at rest in its store: one wait at a time, which an
 * event ends that was sent in time, or its deadline.
 */
export class EventWaits {
  private open: OpenWait | undefined = undefined;
  /** The event that ended the last wait, until it is taken with what comes of it. */
  private letter: Letter | undefined = undefined;

  constructor(
    private readonly run: WaitingRun,
    private readonly inbox: Inbox | undefined,
    private readonly recorder: FsmRecorder | undefined,
    /** Somebody can send events to this process. */
    private readonly takesEvents: boolean,
  ) {}

  /** What is waited for now, in words. */
  get text(): string | undefined {
    return this.open && textOf(this.open);
  }

  /** Takes an event that is there; otherwise waits, if somebody can send one, or comes to rest in the store. */
  begin(wait: Wait): void {
    const { run, recorder, takesEvents } = this;
    const { after } = wait;
    recorder?.waits(wait);
    if (this.takeEvent(wait)) return;
    if (run.isPausing) return run.rest(textOf(wait));
    if (run.sync && after !== undefined) {
      sleepSync(Math.max(0, after.at - timeOfDay()));
      return run.leaveWait(after.state, undefined);
    }
    run.busy = true;
    // At rest in the store, it costs nothing, and whatever process is there when it is time goes on with it.
    const rests = !takesEvents && recorder !== undefined;
    const elapsed = () => this.end(true);
    const home = new AsyncResource("DagwrightRun");
    this.open = { ...wait, home, timer: rests || after === undefined ? undefined : Timer.at(after.at, elapsed) };
    if (rests) this.end(after !== undefined && after.at <= timeOfDay());
    else recorder?.listens(true);
  }

  /** Goes on with the first event that is accepted and was sent in time; says whether there was one. */
  private takeEvent(wait: Wait): boolean {
    const letter = this.inbox?.first(wait);
    if (letter === undefined) return false;
    if (this.open !== undefined) this.stop();
    this.letter = letter;
    this.run.leaveWait(wait.events.get(letter.event) as number, letter.payload);
    return true;
  }

  /** There are events that may be waited for. */
  mailCame(): void {
    const { open } = this;
    open?.home.runInAsyncScope(() => this.takeEvent(open) && this.run.pump());
  }

  /**
   * What others have recorded meanwhile is taken, if it is in time. Otherwise goes where `after` leads, or comes to
   * rest.
   */
  private end(hasElapsed: boolean, looks = MOST_LOOKS): void {
    const { run, open, recorder } = this;
    const end = (goesOn: boolean) =>
      run.life.guard(() => {
        if (open === undefined || this.open !== open) return;
        this.stop();
        if (goesOn) run.leaveWait((open.after as NonNullable<Wait["after"]>).state, undefined);
        else run.rest(textOf(open));
        run.pump();
      });
    if (recorder === undefined) return end(hasElapsed);
    // An event that was sent in time may be there. Whether the store can be reached at all is found when the run is
    // written.
    const lookAgain = () => {
      if (!hasElapsed || looks <= 1) return end(false);
      if (open !== undefined && this.open === open) {
        open.timer = Timer.after(NEXT_LOOK, () => this.end(true, looks - 1));
      }
    };
    recorder.look().then(() => end(hasElapsed), lookAgain);
  }

  /** Waits no more. */
  stop(): void {
    this.open?.timer?.stop();
    this.open = undefined;
    this.run.busy = false;
    this.recorder?.listens(false);
  }

  /** The event that ended the last wait, if it was one, which is gone together with what is recorded next. */
  take(): Letter | undefined {
    const { letter } = this;
    this.letter = undefined;
    if (letter !== undefined) this.inbox?.take(letter);
    return letter;
  }
}
