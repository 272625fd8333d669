import type { EventRow } from "../database/schema.js";
import type { QueuedEvent } from "../store.js";

/** Which events the driver of a run has received, so that each is delivered once. */
export class Deliveries {
  /** The number of the last delivered event. */
  private last = -1;
  /** For a reserved run: the events that it began with. */
  private known: ReadonlySet<string> | undefined;
  /** For a new run inside another one: the delivered events, until the events that came before it are known. */
  private ids: Set<string> | undefined;

  /** Notes that the driver already has these events. */
  beginWith(events: readonly QueuedEvent[]): void {
    if (events.length > 0) this.known = new Set(events.map(({ id }) => id));
  }

  /** Notes that events may have been recorded before the run. */
  expectEarlier(): void {
    this.ids = new Set();
  }

  /** Whether events may have been recorded before the run. */
  get mayHaveEarlier(): boolean {
    return this.ids !== undefined;
  }

  /** Whether the driver has received an event. */
  has({ id, number }: EventRow): boolean {
    return number <= this.last || this.known?.has(id) === true;
  }

  /** Notes that the driver receives these events. @param rows - ordered by number; not empty */
  add(rows: readonly EventRow[]): void {
    this.last = rows[rows.length - 1].number;
    for (const { id } of rows) this.ids?.add(id);
  }

  /** Returns those untaken events that were recorded before the run and have not been delivered. */
  takeEarlier(rows: readonly EventRow[]): EventRow[] {
    const { ids } = this;
    this.ids = undefined;
    return rows.filter(({ id }) => ids?.has(id) === false);
  }
}
