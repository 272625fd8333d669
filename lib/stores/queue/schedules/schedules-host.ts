import type { Wake } from "../queue.js";
import type { QueueHost } from "../sql-queue.js";

/** What schedules use of their store. */
export interface SchedulesHost extends QueueHost {
  readonly wake: (what: Wake, runIds?: readonly string[]) => void;
}
