import { asSentence, messageOf } from "../base/message.js";
import { sleepSync } from "../base/sleep-sync.js";
import { Timer } from "../base/timer.js";
import type { Delay } from "../definition/specs/node-options.js";
import type { EventEmitter } from "../engine/event-emitter.js";
import { delayEnd } from "../engine/events/delay-end.js";
import type { Lifecycle } from "../engine/lifecycle.js";
import type { FsmState } from "../run/fsm-state.js";
import type { WaitingFor } from "../run/waiting-for.js";
import { stateInputs } from "./arguments.js";
import type { FsmRecorder } from "./durable/recorder.js";
import { stateError } from "./errors.js";
import type { Failures } from "./failures.js";
import { untilText } from "./transition.js";

/** The run whose states wait before they execute. */
export interface DelayedRun {
  readonly state: FsmState;
  readonly sync: boolean;
  readonly isOver: boolean;
  readonly emitter: EventEmitter | undefined;
  readonly recorder: FsmRecorder | undefined;
  readonly failures: Failures;
  readonly life: Pick<Lifecycle<unknown>, "guard">;
  /** Whether something has to settle before the next cycle. */
  busy: boolean;
  /** In ms since 1970. */
  timeOfDay(): number;
  /** Executes the current state, whose delay has ended. */
  executeDelayed(): void;
  endPaused(reason: string): void;
  endWaiting(reason: string, waitingFor: WaitingFor): void;
  waitBegan(): void;
  waitEnded(): void;
}

/** The delays of states, one at a time. A time is one of the wall clock. */
export class StateDelay {
  private open: { readonly until: number; readonly timer: Timer } | undefined = undefined;

  constructor(
    private readonly run: DelayedRun,
    /** When the first delay ends, if it began before the run was resumed. */
    private knownDue: number | undefined,
  ) {}

  /** Whether a state waits. */
  get isOpen(): boolean {
    return this.open !== undefined;
  }

  get waitingFor(): WaitingFor | undefined {
    return this.open && { events: [], until: this.open.until };
  }

  /** Returns whether the current state has to wait. If its delay failed, the failure has been handled. */
  begin(): boolean {
    const { run } = this;
    const { state, recorder } = run;
    const { delay } = state.plan.specs[state.current].options;
    let until: number;
    try {
      until = this.knownDue ?? delayEnd(delay as Delay, stateInputs(state), run.timeOfDay());
    } catch (cause) {
      const predicate = `has a delay that failed: ${asSentence(messageOf(cause))} Correct it.`;
      run.failures.threw(stateError(state, predicate, { cause }));
      return true;
    }
    this.knownDue = undefined;
    if (until <= run.timeOfDay()) return false;
    recorder?.delayed(until);
    run.emitter?.emit({ type: "node.waiting", waitingFor: { until } }, state.current);
    if (run.isOver) return true;
    if (run.sync) {
      sleepSync(until - run.timeOfDay());
      return false;
    }
    run.busy = true;
    this.open = {
      until,
      timer: Timer.at(
        until,
        () => run.life.guard(() => this.ended()),
        () => run.timeOfDay(),
      ),
    };
    run.waitBegan();
    return true;
  }

  private ended(): void {
    this.close();
    this.run.executeDelayed();
  }

  /** Ends the run, whose state waits, as `paused`. */
  pause(): void {
    this.leave((until) => this.run.endPaused(untilText(until)));
  }

  /** Ends the run, whose state waits, as `waiting`. */
  putAway(): void {
    this.leave((until) => this.run.endWaiting(untilText(until), { events: [], until }));
  }

  /** Ends the run before its current state. */
  private leave(end: (until: number) => void): void {
    if (this.open === undefined) return;
    const { until } = this.open;
    this.close();
    this.run.state.isExecuting = false;
    end(until);
  }

  private close(): void {
    this.stop();
    this.open = undefined;
    this.run.busy = false;
    this.run.waitEnded();
  }

  /** Called when the run is over. */
  stop(): void {
    this.open?.timer.stop();
  }
}
