import { now, toEpoch } from "../base/clock.js";
import { isThenable } from "../base/coroutine.js";
import { messageOf } from "../run/errors.js";
import type { Observer, RunEvent } from "../run/events.js";
import type { RunState } from "../run/state.js";
import type { ReadinessListener } from "./readiness.js";

type Facts<E> = E extends RunEvent ? Omit<E, "runId" | "at" | "node"> : never;

/** Builds the events of a run and gives them to its observers. Exists only in runs that have some. */
export class Announcer implements ReadinessListener {
  constructor(
    private readonly state: RunState,
    private readonly observers: readonly Observer[],
  ) {}

  ready(node: number): void {
    this.announce({ type: "node.ready" }, node);
  }

  skipped(node: number): void {
    this.announce({ type: "node.skipped", skippedBy: this.state.skippedBy(node) }, node);
  }

  /** Completes an event with what every event has; an observer that throws becomes a process warning. */
  announce(facts: Facts<RunEvent>, node?: number): void {
    const { plan, runId } = this.state;
    const place = node === undefined ? {} : { node: plan.specs[node].name };
    const event = { ...facts, runId, at: toEpoch(now()), ...place } as RunEvent;
    for (const observer of this.observers) {
      try {
        const returned: unknown = observer(event);
        if (isThenable(returned)) returned.then(undefined, (error) => warn(event, error));
      } catch (error) {
        warn(event, error);
      }
    }
  }
}

function warn(event: RunEvent, error: unknown): void {
  process.emitWarning(`An observer threw on "${event.type}": ${messageOf(error)}`, "DagwrightObserverWarning");
}
