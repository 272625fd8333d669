import { nowChecked, toEpoch } from "../../base/clock.js";
import type { EventFacts } from "../../run/events.js";
import type { FsmState } from "../../run/fsm-state.js";
import { NO_VALUE } from "../../run/history.js";
import type { CycleEntry, QueuedEvent, RunLog } from "../../stores/store.js";
import type { Waiting } from "../destination.js";
import { Recorder, type Recording } from "./recorder.js";

/**
 * Writes an fsm's run to its store: a row a cycle. That a cycle is over is written together with where it leads, so that a run
 * can always go on.
 */
export class FsmRecorder extends Recorder {
  private current: CycleEntry;
  /** Events that were sent before the run was known to the store. */
  private early: QueuedEvent[] = [];

  constructor(
    private readonly state: FsmState,
    recording: Recording,
    create?: (recorder: Recorder) => Promise<RunLog>,
    /** The cycle that goes on. */
    current?: CycleEntry,
  ) {
    super(state, recording, create);
    this.current = current ?? this.entered(0, state.current, undefined, undefined);
  }

  /** An event was sent to the run. @throws {StoreError} UNSTORABLE */
  sent(number: number, event: string, payload: unknown): void {
    const queued = { number, event, payload };
    if (this.log === undefined) this.early.push(queued);
    else this.log.sent(queued);
  }

  /** An event was taken, or refused. */
  taken(number: number): void {
    this.early = this.early.filter((queued) => queued.number !== number);
    this.guarded((log) => log.taken({ number }));
  }

  /** The current state is over, and waits for an event. */
  waits({ events, after }: Waiting): void {
    const { specs } = this.state.plan;
    const wait = {
      events: Array.from(events, ([event, to]) => [event, specs[to].name] as const),
      after: after && { at: toEpoch(nowChecked()) + after.ms, state: specs[after.state].name },
    };
    this.guarded((log) => log.cycle((this.current = { ...this.over(), wait })));
  }

  /** The current state paused the run. */
  paused(reason: string): void {
    const finishedAt = toEpoch(nowChecked());
    this.guarded((log) => log.cycle((this.current = { ...this.current, status: "paused", reason, finishedAt })));
  }

  protected begin(log: RunLog): void {
    log.cycle(this.current);
    for (const event of this.early.splice(0)) log.sent(event);
  }

  protected write(log: RunLog, facts: EventFacts, at: number): void {
    const { current, state } = this;
    switch (facts.type) {
      case "attempt.started": {
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

  protected end(): void {}

  protected outputs(): string[] {
    const { isTerminated, plan, current } = this.state;
    return isTerminated ? [plan.specs[current].name] : [];
  }

  /** The current cycle, which is over. */
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
