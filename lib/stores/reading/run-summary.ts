import { withJson } from "../../base/json.js";
import { namedPriority, type Priority } from "../../definition/specs/node-options.js";
import type { Pause } from "../../run/pause.js";
import { joined, type WaitingFor } from "../../run/waiting-for.js";
import type { RunStatus } from "../../run/status.js";
import type { ColumnDecoder } from "./column-decoder.js";
import { tryParseWait } from "./json-columns.js";
import type { LatestCycle } from "./latest-cycles.js";
import { kindOf } from "./run-rows.js";
import type { Redaction } from "../values/redaction.js";
import type { RunRow, WaitRow } from "../database/schema.js";
import { timeOfDay } from "../database/time.js";
import type { WorkflowKind } from "../store.js";

/** A run without its nodes and values. All times are whole ms since 1970. */
export interface RunSummary {
  /** The id of the run. */
  readonly runId: string;
  /** The name of its workflow. */
  readonly workflow: string;
  /** The kind of its workflow; undefined for a queued run whose submitter knew only its name. */
  readonly kind: WorkflowKind | undefined;
  /**
   * `queued` from its submission until a service begins or continues it. `running` also if its process is gone, until
   * another one continues the run.
   */
  readonly status: "queued" | "running" | RunStatus;
  /** The run that this one is inside of; or the run whose results it took, as a replay or a partial run. */
  readonly parentRunId: string | undefined;
  /** The node at which such a run began: the first one replayed, or the one given to the partial run. */
  readonly parentNode: string | undefined;
  /** Whether this run is inside of its parent. */
  readonly isChild: boolean;
  /** The key that it was submitted with, if any. */
  readonly key: string | undefined;
  /** The priority that it was submitted with; that of a run without a service is `normal`. */
  readonly priority: Priority;
  /** When the run was first recorded. */
  readonly createdAt: number;
  /** When it ended or paused. */
  readonly finishedAt: number | undefined;
  /** As of the run's last write; undefined in a list if it can't be decoded. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** The reason of the first pause. For an fsm that waits, the events that it waits for. */
  readonly pauseReason: string | undefined;
  /** The pauses by node. In a list, data of more than a million characters is left out. */
  readonly pauses: readonly Pause[];
  /** The current state of an fsm. */
  readonly currentState: string | undefined;
  /** When a queued, paused or waiting run begins, or goes on, by itself; undefined if it does not. */
  readonly dueAt: number | undefined;
  /** The events or the time that an unfinished run waits for. */
  readonly waitingFor: WaitingFor | undefined;
}

/** The columns that a summary is made from. */
export const SUMMARY_COLUMNS = [
  "id",
  "workflow",
  "kind",
  "status",
  "parent_run_id",
  "parent_node",
  "is_child",
  "created_at",
  "finished_at",
  "metadata",
  "pause_reason",
  "pauses",
  "due_at",
  "ready_at",
  "key",
  "priority",
] as const satisfies readonly (keyof RunRow)[];

export type SummaryRow = Pick<RunRow, (typeof SUMMARY_COLUMNS)[number]>;

export function metadataIn(
  { metadata }: SummaryRow,
  decoder: ColumnDecoder,
  redaction: Redaction,
): Record<string, unknown> {
  if (metadata === null) return {};
  return withJson(redaction.apply("metadata", decoder.record(metadata)) as Record<string, unknown>);
}

/**
 * @param cycle - the latest cycle of an fsm
 * @param waits - those of a dag's nodes
 * @param inner - what runs inside wait for
 */
export function summaryOf<M extends RunSummary["metadata"]>(
  row: SummaryRow,
  cycle: LatestCycle | undefined,
  waits: readonly WaitRow[],
  metadata: M,
  pauses: readonly Pause[],
  inner: WaitingFor | undefined,
): RunSummary & { readonly metadata: M } {
  return {
    runId: row.id,
    workflow: row.workflow,
    kind: kindOf(row),
    status: row.status as RunSummary["status"],
    parentRunId: row.parent_run_id ?? undefined,
    parentNode: row.parent_node ?? undefined,
    isChild: row.is_child === 1,
    key: row.key ?? undefined,
    priority: namedPriority(row.priority),
    createdAt: wholeMs(row.created_at),
    finishedAt: wholeMs(row.finished_at),
    metadata,
    pauseReason: row.pause_reason ?? undefined,
    pauses: withJson(pauses.map((pause) => withJson(pause))),
    currentState: cycle?.state,
    dueAt: wholeMs(dueAt(row)),
    waitingFor: waitingFor(row, cycle, waits, inner),
  };
}

/** A queued run that is due is ready, and has no other time. */
function dueAt({ status, due_at, ready_at }: SummaryRow): number | null {
  return due_at ?? (status === "queued" ? ready_at : null);
}

/** The statuses of runs that have not ended. */
export const UNFINISHED: readonly string[] = ["queued", "running", "paused", "waiting"];

/** The statuses of runs that have ended. */
export const ENDED: readonly string[] = ["completed", "failed", "cancelled"];

/** The columns that tell whether a node waits. */
export type OpenWaitRow = Pick<WaitRow, "event" | "until" | "payload">;

/** What a run waits for, with the runs inside. */
export function waitingFor(
  row: Pick<SummaryRow, "status" | "due_at" | "pauses" | "kind">,
  cycle: LatestCycle | undefined,
  waits: readonly OpenWaitRow[],
  inner: WaitingFor | undefined,
): WaitingFor | undefined {
  const own = ownWait(row, cycle, waits);
  return own === undefined || inner === undefined ? (own ?? inner) : joined([own, inner]);
}

function ownWait(
  { status, due_at, pauses, kind }: Pick<SummaryRow, "status" | "due_at" | "pauses" | "kind">,
  cycle: LatestCycle | undefined,
  waits: readonly OpenWaitRow[],
): WaitingFor | undefined {
  if (!UNFINISHED.includes(status)) return undefined;
  if (kind === "dag") {
    const open = waits.filter(({ payload }) => payload === null);
    // The row of a delay stays after the delay has passed. For a run at rest, its own row says when it is due.
    const isAhead = (until: number) => status === "running" && until > timeOfDay();
    const parts = open.map(({ event, until }) => ({
      events: event === null ? [] : [event],
      until: until !== null && isAhead(until) ? until : undefined,
    }));
    const due = due_at === null ? [] : [{ events: [], until: due_at }];
    const all = joined([...parts.filter(({ events, until }) => events.length > 0 || until !== undefined), ...due]);
    return all && { ...all, until: wholeMs(all.until ?? null) };
  }
  // A run that paused between a wait and the next cycle accepts no other event.
  const wait = pauses === null ? tryParseWait(cycle?.wait ?? "null") : undefined;
  const until = wholeMs(due_at ?? wait?.after?.at ?? null);
  if (wait === undefined && until === undefined) return undefined;
  return { events: wait?.events.map(([event]) => event) ?? [], until };
}

/** A recorded time in whole ms. Records keep fractions, which give the order of events. */
export function wholeMs<T extends number | null>(time: T): T extends null ? undefined : number;
export function wholeMs(time: number | null): number | undefined {
  return time === null ? undefined : Math.floor(time);
}
