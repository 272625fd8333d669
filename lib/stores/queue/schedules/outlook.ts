import { type RawBuilder, sql } from "kysely";
import { now } from "../../../base/clock.js";
import type { Database } from "../../database/database.js";
import { anyHeldRun } from "./scheduled-runs.js";
import type { Fired } from "./schedules.js";

/** How long an outlook stays valid for the look at schedules that follows, in ms. */
const MAX_AGE = 100;

export interface OutlookColumns {
  readonly next_schedule: number | null;
  readonly has_held: number;
}

/**
 * The columns that say what there is to do for schedules. Cost: two index lookups, whatever the number of runs and
 * schedules.
 */
export function outlookColumns({ clock }: Pick<Database, "clock">): RawBuilder<unknown> {
  const next = sql`select min(due_at) from schedules where due_at is not null`;
  return sql`(${next}) - ${clock} as next_schedule, case when ${anyHeldRun} then 1 else 0 end as has_held`;
}

export function outlookOf({ next_schedule, has_held }: OutlookColumns): Fired {
  return { nextIn: next_schedule ?? undefined, hasHeld: has_held === 1 };
}

/**
 * What there is to do for schedules, as found by the query for due runs, so that whoever needs both asks the database
 * once.
 */
export class Outlook {
  private found: { readonly outlook: Fired; readonly at: number } | undefined;
  private version = 0;

  /** Keeps what a query finds, unless a schedule changes meanwhile. */
  async keep<T>(query: () => Promise<{ readonly outlook: Fired; readonly found: T }>): Promise<T> {
    const { version } = this;
    const at = now();
    const { outlook, found } = await query();
    if (version === this.version) this.found = { outlook, at };
    return found;
  }

  /** Called when a schedule or runs have changed. */
  forget(): void {
    this.version++;
    this.found = undefined;
  }

  /** What was found a moment ago; undefined if there is nothing, or if it was already taken. */
  take(): Fired | undefined {
    const { found } = this;
    this.found = undefined;
    if (found === undefined) return undefined;
    const age = now() - found.at;
    const { nextIn, hasHeld } = found.outlook;
    return age > MAX_AGE ? undefined : { nextIn: nextIn === undefined ? undefined : nextIn - age, hasHeld };
  }
}
