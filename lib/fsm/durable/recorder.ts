import { nowChecked, toEpoch } from "../../base/clock.js";
import type { EventFacts } from "../../run/events.js";
import type { FsmState } from "../../run/fsm-state.js";
import { NO_VALUE } from "../../run/history.js";
import type { CycleEntry, QueuedEvent, RunLog } from "../../stores/store.js";
import type { Wait } from "../transition.js";
import { Recorder, type Recording } from "../../engine/durable/recorder.js";

/**
 * Writes an fsm's run to its store: a row a cycle. That a cycle is over is written together with where it leads, so that a run
 * can always go on.
 */
export class FsmRecorder extends Recorder {
  private current: CycleEntry;
  /** Events that others recorded before anybody could take them. */
  private readonly early: QueuedEvent[] = [];
  private hear: ((events: readonly QueuedEvent[]) => void) | undefined = undefined;

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

  onEvents(events: readonly QueuedEvent[]): void {
    if (this.hear === undefined) this.early.push(...events);
    else this.hear(events);
  }

  /** Gives the events that others record for the run to `hear`, from now on and those that have come already. */
  hearWith(hear: (events: readonly QueuedEvent[]) => void): void {
    this.hear = hear;
    if (this.early.length > 0) hear(this.early.splice(0));
  }

  /** Events are sent to the run, which is open: all, or none. @throws {StoreError} UNSTORABLE */
  sent(events: readonly QueuedEvent[]): void {
    this.log?.sent(events);
  }

  /** An event was taken, or refused. */
  taken(id: string): void {
    this.guarded((log) => log.taken({ id }));
  }

  /** Whether the run waits for events that others may record. */
  listens(isWaiting: boolean): void {
    if (isWaiting) this.log?.listen();
    else this.log?.unlisten();
  }

  /** Resolves when all events have been heard of that others have recorded. @throws {StoreError} when that fails */
  async look(): Promise<void> {
    await this.log?.pollEvents();
  }

  /** Resolves when all that has happened is durable. @throws {StoreError} when that fails */
  async written(): Promise<void> {
    await this.log?.written();
  }

  /** The current state is over, and waits for an event. */
  waits({ events, after }: Wait): void {
    const { specs } = this.state.plan;
    const wait = {
      events: Array.from(events, ([event, to]) => [event, specs[to].name] as const),
      after: after && { at: after.at, state: specs[after.state].name },
    };
    this.guarded((log) => log.cycle((this.current = { ...this.over(), wait })));
  }

  /** What failed on the way from a wait is to take place again: it waits as before. */
  waitsAgain(): void {
    this.guarded((log) => log.cycle((this.current = { ...this.current, status: "completed", error: undefined })));
  }

  /** The current state paused the run. */
  paused(reason: string): void {
    const finishedAt = toEpoch(nowChecked());
    const entry = { ...this.current, reason, finishedAt, output: undefined, wait: undefined };
    this.guarded((log) => log.cycle((this.current = { ...entry, status: "paused" })));
  }

  protected begin(log: RunLog): void {
    log.cycle(this.current);
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

  protected end(log: RunLog): void {
    const { pause, pauseReason } = this.state;
    // What somebody paused on the way from a wait has left that wait: its deadline has no say any more.
    const dueAt = pause === undefined ? this.current.wait?.after?.at : undefined;
    if (pause === undefined && pauseReason === undefined && dueAt === undefined) return;
    log.paused(pauseReason, pause === undefined ? [] : [pause], dueAt);
  }

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
