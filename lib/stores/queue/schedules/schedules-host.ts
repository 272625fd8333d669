import type { Redaction } from "../../values/redaction.js";
import type { Wake } from "../queue.js";
import type { QueueHost } from "../sql-queue.js";

/** What schedules use of their store. */
export interface SchedulesHost extends QueueHost {
  /** Hides values from those who look schedules up. */
  readonly redaction: Redaction;
  readonly wake: (what: Wake, runIds?: readonly string[]) => void;
}
