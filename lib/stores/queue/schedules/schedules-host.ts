import type { Redaction } from "../../values/redaction.js";
import type { Wake } from "../queue.js";
import type { QueueHost } from "../sql-queue.js";

/** What schedules use of their store. */
export interface SchedulesHost extends QueueHost {
  /** Hides values in the results of lookups. */
  readonly redaction: Redaction;
  readonly wake: (what: Wake, runIds?: readonly string[]) => void;
}
