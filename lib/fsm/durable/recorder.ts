import { nowChecked, toEpoch } from "../../base/clock.js";
import { Recorder, type Recording } from "../../engine/durable/recorder.js";
import type { EventFacts } from "../../run/events.js";
import type { FsmState } from "../../run/fsm-state.js";
import { NO_VALUE } from "../../run/history.js";
import type { CycleEntry, RunLog } from "../../stores/store.js";
import type { Wait } from "../transition.js";

/**
 * Writes the run of an fsm to its store: a row for each cycle. The end of a cycle is written together with the next
 * cycle or wait, so that the run can always continue.
 */
export class FsmRecorder extends Recorder {
  private current: CycleEntry;
  /** Whether the delay of the current state began before the run was resumed. */
  private isDelayRecorded = false;

  constructor(
    private readonly state: FsmState,
    recording: Recording,
    create?: (recorder: Recorder) => Promise<RunLog>,
    /** The cycle in which a recorded run continues. */
    current?: CycleEntry,
  ) {
    super(state, recording, create);
    this.current = current ?? this.entered(0, state.current, undefined, undefined);
  }

  /** Records the end of the current cycle, and the wait that follows it. */
  waits({ events, after }: Wait): void {
    const { specs } = this.state.plan;
    const wait = {
      events: Array.from(events, ([event, to]) => [event, specs[to].name] as const),
      after: after && { at: after.at, state: specs[after.state].name },
    };
    this.guarded((log) => log.cycle((this.current = { ...this.over(), wait })));
  }

  /** Records when the delay of the current state ends. */
  delayed(dueAt: number): void {
    this.isDelayRecorded = this.current.dueAt === dueAt;
    this.guarded((log) => log.cycle((this.current = { ...this.current, dueAt })));
  }

  /** Records that the run is back in its last wait, which it failed to leave. */
  waitsAgain(): void {
    this.guarded((log) => log.cycle((this.current = { ...this.current, status: "completed", error: undefined })));
  }

  /** Records that the current state paused the run, or waits for runs inside. */
  paused(reason: string, status: "paused" | "waiting"): void {
    const finishedAt = toEpoch(nowChecked());
    const entry = { ...this.current, reason, finishedAt, output: undefined, wait: undefined };
    this.guarded((log) => log.cycle((this.current = { ...entry, status })));
  }

  protected begin(log: RunLog): void {
    log.cycle(this.current);
  }

  protected write(log: RunLog, facts: EventFacts, at: number): void {
    const { current, state } = this;
    switch (facts.type) {
      case "run.paused":
        return log.moment({ type: facts.type, at });
      case "node.waiting": {
        if (this.isDelayRecorded) return;
        const { cycle, state: node } = current;
        return log.moment({ type: facts.type, at, node, cycle, waitingFor: facts.waitingFor });
      }
      case "attempt.failed": {
        const { cycle, state: node } = current;
        return log.moment({ type: facts.type, at, node, cycle, attempt: facts.attempt, error: facts.error });
      }
      case "attempt.started": {
        const { cycle, state: node } = current;
        // The cycle has the first one.
        if (current.attempts > 0) log.moment({ type: facts.type, at, node, cycle, attempt: facts.attempt });
        const startedAt = current.startedAt ?? at;
        const begun = { status: "running", attempts: facts.attempt, startedAt } as const;
        this.current = { ...current, ...begun, finishedAt: undefined, error: undefined, reason: undefined };
        return log.cycle(this.current);
      }
      case "node.failed":
        this.current = { ...current, status: "failed", error: facts.error.cause ?? facts.error, finishedAt: at };
        return log.cycle(this.current);
      case "node.cancelled":
        return log.cycle({ ...current, status: "cancelled", finishedAt: at });
      case "state.left": {
        log.cycle(this.over());
        if (facts.to === undefined) return;
        const to = state.plan.indexOf.get(facts.to) as number;
        const isPassedOn = Object.is(facts.value, state.history.valueAt(facts.cycle));
        const input = isPassedOn ? undefined : { value: facts.value };
        this.current = this.entered(facts.cycle + 1, to, input, facts.event);
        log.cycle(this.current);
      }
    }
  }

  protected end(log: RunLog): void {
    const { pause, pauseReason, waitingFor } = this.state;
    // A run that was paused while it left a wait is not due at the deadline of that wait.
    const dueAt = pause === undefined ? (waitingFor?.until ?? this.current.wait?.after?.at) : undefined;
    if (pause === undefined && pauseReason === undefined && dueAt === undefined) return;
    log.paused(pauseReason, pause === undefined ? [] : [pause], dueAt);
  }

  protected outputs(): string[] {
    const { isTerminated, plan, current } = this.state;
    return isTerminated ? [plan.specs[current].name] : [];
  }

  /** The entry of the current cycle when it has ended. */
  private over(): CycleEntry {
    const { current, state } = this;
    const value = state.history.valueAt(current.cycle);
    const status = current.status === "failed" ? "failed" : "completed";
    const finishedAt = current.finishedAt ?? toEpoch(nowChecked());
    return { ...current, status, finishedAt, reason: undefined, output: value === NO_VALUE ? undefined : { value } };
  }

  private entered(cycle: number, state: number, input: CycleEntry["input"], event: string | undefined): CycleEntry {
    const { name } = this.state.plan.specs[state];
    return {
      cycle,
      state: name,
      status: "entered",
      attempts: 0,
      startedAt: undefined,
      finishedAt: undefined,
      input,
      event,
    };
  }
}
