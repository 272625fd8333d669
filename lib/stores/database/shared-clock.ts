import { type Kysely, type RawBuilder, sql } from "kysely";
import { timeOfDay } from "./time.js";

/** How far two readings of one clock may be apart, in ms. */
const PRECISION = 2;

/**
 * The clock that all clients of a database share, as this process knows it: its own clock, corrected by an offset. It
 * is never ahead of the database's, so that nothing happens too early, and at most a round trip behind.
 */
export class SharedClock {
  /** Added to the time of this process, in ms. */
  private offset = 0;

  /** In ms since 1970. */
  now(): number {
    return timeOfDay() + this.offset;
  }

  async measure(db: Kysely<any>, clock: RawBuilder<number>): Promise<void> {
    const sentAt = timeOfDay();
    const { rows } = await sql<{ clock: number }>`select ${clock} as clock`.execute(db);
    this.compare(rows[0].clock, sentAt);
  }

  /**
   * Corrects the clock, unless it agrees.
   * @param clock - the database's time, read at some moment since `sentAt`, a time of this process
   */
  compare(clock: number, sentAt: number): void {
    const least = clock - timeOfDay();
    const agrees = this.offset >= least - PRECISION && this.offset <= clock - sentAt + PRECISION;
    if (!agrees) this.offset = least;
  }
}
