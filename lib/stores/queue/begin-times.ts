/** When a submitted run begins that was stopped before it began and then resumed: no earlier than it would have. */
import type { RawBuilder } from "kysely";
import type { Database } from "../database/database.js";
import type { RunRow } from "../database/schema.js";

/** When a run that is being stopped was to begin; null if it has begun, or waits for earlier runs of its schedule. */
export function timeToBegin({ is_fresh, due_at, ready_at, was_due_at }: RunRow): number | null {
  return is_fresh === 1 ? (due_at ?? ready_at ?? was_due_at) : null;
}

interface TimesToGoOn {
  readonly ready_at: RawBuilder<number> | null;
  readonly due_at: number | null;
  readonly was_due_at: null;
}

/** When a stopped run continues. One that waits for earlier runs of its schedule has no time. */
export function timesToGoOn(
  { is_fresh, was_due_at, schedule, clock: now }: RunRow & { readonly clock: number },
  { clock }: Pick<Database, "clock">,
): TimesToGoOn {
  const isFresh = is_fresh === 1;
  const isEarly = isFresh && was_due_at !== null && was_due_at > now;
  const isHeld = isFresh && was_due_at === null && schedule !== null;
  return { ready_at: isEarly || isHeld ? null : clock, due_at: isEarly ? was_due_at : null, was_due_at: null };
}
