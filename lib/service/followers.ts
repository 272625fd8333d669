import type { ObservableRun } from "../engine/durable/driven-run.js";
import type { Observer, RunEvent } from "../run/events.js";

/** Who follows runs in this process. Runs that nobody follows are not observed. */
export class Followers {
  private readonly listeners = new Map<string, Set<Observer>>();
  private readonly observed = new WeakSet<ObservableRun>();

  /**
   * Calls `listener` with all further events of a run while it is driven here.
   * @param run - if it is now
   * @returns a function that ends that
   */
  add(runId: string, listener: Observer, run: ObservableRun | undefined): () => void {
    let listeners = this.listeners.get(runId);
    if (listeners === undefined) this.listeners.set(runId, (listeners = new Set()));
    listeners.add(listener);
    if (run !== undefined) this.begins(runId, run);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(runId) === listeners) this.listeners.delete(runId);
    };
  }

  /** A run begins, or goes on, in this process. */
  begins(runId: string, run: ObservableRun): void {
    if (!this.listeners.has(runId) || this.observed.has(run)) return;
    this.observed.add(run);
    run.observe((event) => this.tell(runId, event));
  }

  private tell(runId: string, event: RunEvent): void {
    for (const listener of Array.from(this.listeners.get(runId) ?? [])) listener(event);
  }
}
