import { now, toEpoch } from "../base/clock.js";
import { pendingOf, whenSettled } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { EventFacts, Observer, RunEvent } from "../run/events.js";
import type { Recorder } from "./durable/recorder.js";
import type { OuterRun } from "./outer-run.js";
import type { RunTelemetry } from "./telemetry/telemetry.js";

/** A run that emits events, with the names of its nodes or states by index. */
export interface EmittingRun {
  readonly runId: string;
  readonly plan: { readonly specs: readonly { readonly name: string }[] };
}

/**
 * Emits the events of a run to its store, its telemetry and its observers. Runs that have none of these have no emitter.
 *
 * Observers can't harm a run: what they throw becomes a process warning. All of them get all events in order, even
 * those they cause meanwhile. The run may be over when {@link EventEmitter.emit} returns.
 */
export class EventEmitter {
  private observers: readonly Observer[];
  /** Events emitted while observers are called. */
  private readonly queue: RunEvent[] = [];
  private isDelivering = false;

  constructor(
    private readonly run: EmittingRun,
    observers: readonly Observer[],
    private readonly recorder: Pick<Recorder, "record"> | undefined,
    /** The run that contains this one, whose observers get its events. */
    private readonly outer?: Pick<OuterRun, "parent" | "emitter">,
    private readonly telemetry?: RunTelemetry,
  ) {
    this.observers = [...observers];
  }

  /** The emitter whose observers are called: that of the outermost run. */
  private get root(): EventEmitter {
    let root: EventEmitter | undefined;
    for (let next = this.outer?.emitter; next !== undefined; next = next.outer?.emitter) root = next;
    return root ?? this;
  }

  /** Whether observers are being called. The run may be in the middle of a step. */
  get isNotifying(): boolean {
    return this.root.isDelivering;
  }

  /** Adds an observer. Returns a function that removes it. */
  add(observer: Observer): () => void {
    this.observers = [...this.observers, observer];
    return () => {
      this.observers = this.observers.filter((other) => other !== observer);
    };
  }

  /** Emits an event, with the properties that all events have. @param node - the index of its node or state */
  emit(facts: EventFacts, node?: number): void {
    const at = toEpoch(now());
    this.recorder?.record(facts, at, node);
    const { root, run, telemetry } = this;
    telemetry?.record(facts, node === undefined ? undefined : run.plan.specs[node].name);
    if (root.observers.length === 0) return;
    const { plan, runId } = run;
    const name = node === undefined ? {} : { node: plan.specs[node].name };
    const parent = this.outer === undefined ? {} : { parent: this.outer.parent };
    // Frozen, since all observers get the same object.
    root.deliver(Object.freeze({ ...facts, runId, at, ...name, ...parent }) as RunEvent);
  }

  private deliver(event: RunEvent): void {
    if (this.isDelivering) return void this.queue.push(event);
    this.isDelivering = true;
    this.notify(event);
    for (let i = 0; i < this.queue.length; i++) this.notify(this.queue[i]);
    this.queue.length = 0;
    this.isDelivering = false;
  }

  private notify(event: RunEvent): void {
    const { type } = event;
    for (const observer of this.observers) {
      try {
        const pending = pendingOf<unknown>(observer(event));
        if (pending !== undefined) whenSettled(pending, ignore, (error) => warnOfError(type, error));
      } catch (error) {
        warnOfError(type, error);
      }
    }
  }
}

function warnOfError(type: RunEvent["type"], error: unknown): void {
  warn(`An observer threw on "${type}": ${messageOf(error)}`, "DagwrightObserverWarning");
}

function ignore(): void {}
