import { now, toEpoch } from "../base/clock.js";
import { pendingOf, whenSettled } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { EventFacts, Observer, RunEvent } from "../run/events.js";

/** What of a recorder an announcer needs. */
type Recorder = { record(facts: EventFacts, at: number, node: number | undefined): void };

/** The run that is announced, and the names of its nodes or states by index. */
export interface Subject {
  readonly runId: string;
  readonly plan: { readonly specs: readonly { readonly name: string }[] };
}

/** Builds the events of a run and gives them to its store and its observers. Exists only in runs that have some. */
export class Announcer {
  private observers: readonly Observer[];

  constructor(
    private readonly subject: Subject,
    observers: readonly Observer[],
    private readonly recorder: Recorder | undefined,
  ) {
    this.observers = [...observers];
  }

  /** Adds an observer; gives a function that takes it away. */
  add(observer: Observer): () => void {
    this.observers = [...this.observers, observer];
    return () => {
      this.observers = this.observers.filter((other) => other !== observer);
    };
  }

  /** Completes an event with what every event has; an observer that throws becomes a process warning. */
  announce(facts: EventFacts, node?: number): void {
    const at = toEpoch(now());
    this.recorder?.record(facts, at, node);
    if (this.observers.length === 0) return;
    const { plan, runId } = this.subject;
    const place = node === undefined ? {} : { node: plan.specs[node].name };
    const event = { ...facts, runId, at, ...place } as RunEvent;
    for (const observer of this.observers) {
      try {
        const pending = pendingOf<unknown>(observer(event));
        if (pending !== undefined) whenSettled(pending, ignore, (error) => threw(facts, error));
      } catch (error) {
        threw(facts, error);
      }
    }
  }
}

function threw({ type }: EventFacts, error: unknown): void {
  warn(`An observer threw on "${type}": ${messageOf(error)}`, "DagwrightObserverWarning");
}

function ignore(): void {}
