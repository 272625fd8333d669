import type { EventRow } from "../database/schema.js";
import type { QueuedEvent } from "../store.js";

/** Which events the driver of a run has received, so that each is delivered once. */
export class Deliveries {
  /** The number of the last delivered event. */
  private last = -1;
  /** Of a reserved run: the events that it began with. */
  private known: ReadonlySet<string> | undefined;
  /** Of a new run inside another one: the delivered events, until those are known that came before it. */
  private ids: Set<string> | undefined;

  /** The driver has these events already. */
  beginWith(events: readonly QueuedEvent[]): void {
    if (events.length > 0) this.known = new Set(events.map(({ id }) => id));
  }

  /** Events may have been recorded before the run. */
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

  /** The driver receives these events. @param rows - ordered by number; not empty */
  add(rows: readonly EventRow[]): void {
    this.last = rows[rows.length - 1].number;
    for (const { id } of rows) this.ids?.add(id);
  }

  /** Takes those of all untaken events of the run that were recorded before it and have not been delivered. */
  takeEarlier(rows: readonly EventRow[]): EventRow[] {
    const { ids } = this;
    this.ids = undefined;
    return rows.filter(({ id }) => ids?.has(id) === false);
  }
}
