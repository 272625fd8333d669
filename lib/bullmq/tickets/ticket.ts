import type { Job } from "bullmq";
import type { UnclaimedRun } from "../../stores/queue/queue.js";

/** What a job of BullMQ says: that a run is ready, or will be. It is spent when somebody has claimed the run. */
export interface Ticket {
  readonly runId: string;
  /** Of the run, when the ticket was written: another one means that somebody has claimed it since. */
  readonly token: number;
  /** Whether there may be another one, for the time at which the run is due by itself. */
  readonly isTimed: boolean;
}

export type TicketJob = Job<Ticket>;

/** The longest delay of a job, in ms: BullMQ's scores are exact only until 2039. A run that is due later is delayed again. */
const MAX_DELAY = 30 * 24 * 3_600_000;

/**
 * The job for a run. The same ticket has the same id, so that BullMQ has it only once, however often it is added. What
 * BullMQ refuses in ids is encoded.
 */
export function jobOf(run: UnclaimedRun) {
  const { runId, token, readyIn, isTimed } = run;
  const isDelayed = readyIn > 0;
  const ticket: Ticket = { runId, token, isTimed: isTimed && !isDelayed };
  const opts = {
    jobId: isDelayed ? delayedId(ticket) : readyId(ticket),
    priority: bullmqPriority(run.priority),
    removeOnComplete: true,
    removeOnFail: true,
    ...(isDelayed ? { delay: delayFor(readyIn) } : {}),
  };
  return { name: runId, data: ticket, opts };
}

function readyId({ runId, token }: Ticket): string {
  return `${encodeURIComponent(runId)}~${token}`;
}

/** The id of the ticket for the time at which the run is due. */
export function delayedId(ticket: Ticket): string {
  return `${readyId(ticket)}~due`;
}

/** @param readyIn - in ms */
export function delayFor(readyIn: number): number {
  return Math.min(MAX_DELAY, Math.ceil(readyIn));
}

/** BullMQ's priorities are integers, and the lowest goes first. @param priority - from 0 to 100 */
function bullmqPriority(priority: number): number {
  return Math.round((100 - priority) * 1000) + 1;
}

/**
 * The queue for runs of a workflow. Those that begin and those that continue have one each, as limits may hold up the
 * ones and not the others.
 */
export function queueName(workflow: string, isFresh: boolean): string {
  return `dagwright.${isFresh ? "begin" : "continue"}.${encodeURIComponent(workflow)}`;
}
