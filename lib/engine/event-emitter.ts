import { now, toEpoch } from "../base/clock.js";
import { pendingOf, whenSettled } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { EventFacts, Observer, RunEvent } from "../run/events.js";
import type { Recorder } from "./durable/recorder.js";

/** The run that is announced, and the names of its nodes or states by index. */
export interface Subject {
  readonly runId: string;
  readonly plan: { readonly specs: readonly { readonly name: string }[] };
}

/**
 * Builds the events of a run and gives them to its store and its observers. Exists only in runs that have some.
 *
 * An observer harms no run: what it throws becomes a process warning, and whatever it does to the run meanwhile, all
 * observers hear of everything in the order in which it happened. The run may be over when {@link EventEmitter.emit} returns.
 */
export class EventEmitter {
  private observers: readonly Observer[];
  /** What an observer made happen while it was told of something else: told next. */
  private readonly waiting: RunEvent[] = [];
  /** An observer is being told: what is going on in the run is not over yet. */
  isTelling = false;

  constructor(
    private readonly subject: Subject,
    observers: readonly Observer[],
    private readonly recorder: Pick<Recorder, "record"> | undefined,
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

  /** Completes an event with what every event has, and tells of it. */
  emit(facts: EventFacts, node?: number): void {
    const at = toEpoch(now());
    this.recorder?.record(facts, at, node);
    if (this.observers.length === 0) return;
    const { plan, runId } = this.subject;
    const place = node === undefined ? {} : { node: plan.specs[node].name };
    // All observers get the same one, whatever the others do with it.
    const event = Object.freeze({ ...facts, runId, at, ...place }) as RunEvent;
    if (this.isTelling) return void this.waiting.push(event);
    this.isTelling = true;
    this.tell(event);
    for (let i = 0; i < this.waiting.length; i++) this.tell(this.waiting[i]);
    this.waiting.length = 0;
    this.isTelling = false;
  }

  private tell(event: RunEvent): void {
    const { type } = event;
    for (const observer of this.observers) {
      try {
        const pending = pendingOf<unknown>(observer(event));
        if (pending !== undefined) whenSettled(pending, ignore, (error) => threw(type, error));
      } catch (error) {
        threw(type, error);
      }
    }
  }
}

function threw(type: RunEvent["type"], error: unknown): void {
  warn(`An observer threw on "${type}": ${messageOf(error)}`, "DagwrightObserverWarning");
}

function ignore(): void {}
