/** The pauses of a run, as columns of its row. */
import { isTime } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import type { Pause } from "../../run/pause.js";
import type { Batch } from "./batch.js";
import type { Codec } from "../values/codec.js";
import type { RunRow } from "../database/schema.js";
import { sanitize } from "../values/storable-text.js";
import { unreadable } from "../values/unreadable.js";
import { SKIP_HINT } from "../values/unstorable.js";

/** A stored pause: `data` is encoded by the codec, or a reference to a blob. */
interface StoredPause {
  readonly node: string;
  readonly reason?: string;
  readonly until?: number;
  readonly data?: string;
}

export type PauseColumns = Pick<RunRow, "pause_reason" | "pauses" | "due_at">;

/** The columns of a run that is not paused. */
export const NOT_PAUSED: PauseColumns = { pause_reason: null, pauses: null, due_at: null };

/**
 * The column `pauses` of a run that was asked to pause. Since it is not null, neither a time nor an event ends the
 * pause.
 */
export const ASKED_TO_PAUSE = "[]";

/**
 * The columns of a paused run, which is due at the end of its first pause.
 * @param dueAt - when it continues at the latest, in ms since 1970
 * @throws {StoreError} UNSTORABLE for data that can't be stored
 */
export function pauseColumns(
  reason: string | undefined,
  pauses: readonly Pause[],
  dueAt: number | undefined,
  batch: Batch,
  { codec, skipsUnstorable }: { readonly codec: Codec; readonly skipsUnstorable: boolean },
): PauseColumns {
  const dataOf = ({ node, data }: Pause): string | undefined => {
    if (data === undefined) return undefined;
    try {
      return batch.store(codec.encode(data, `The data of the pause of "${node}"`, SKIP_HINT));
    } catch (error) {
      if (skipsUnstorable && error instanceof StoreError) return undefined;
      throw error;
    }
  };
  const list = pauses.map((pause): StoredPause => {
    const { node, until, reason } = pause;
    return { node, until, reason: reason === undefined ? undefined : sanitize(reason), data: dataOf(pause) };
  });
  const due = Math.min(dueAt ?? Infinity, ...pauses.map(({ until = Infinity }) => until));
  return {
    pause_reason: reason === undefined ? null : sanitize(reason),
    pauses: list.length === 0 ? null : JSON.stringify(list),
    due_at: due === Infinity ? null : due,
  };
}

type PauseRow = Pick<RunRow, "id" | "pauses">;

/**
 * Parses the pauses in a row.
 * @param dataOf - decodes the data of a pause
 * @throws {StoreError} STORE for a corrupt row
 */
export function pausesIn(row: PauseRow, dataOf: (text: string, node: string) => unknown): Pause[] {
  return parsed(row).map(({ node, reason, until, data }) => {
    return { node, reason, data: data === undefined ? undefined : dataOf(data, node), until };
  });
}

/** The encoded data of the pauses in a row. @throws {StoreError} STORE for a corrupt row */
export function pauseTexts(row: PauseRow): string[] {
  return parsed(row).flatMap(({ data }) => data ?? []);
}

function parsed({ id, pauses }: PauseRow): readonly StoredPause[] {
  if (pauses === null) return [];
  try {
    const list = JSON.parse(pauses) as unknown;
    if (Array.isArray(list) && list.every(isPause)) return list;
  } catch {
    // Invalid JSON is reported below.
  }
  throw unreadable(id, 'column "pauses" in table runs', "it must be a list of pauses with nodes");
}

function isPause(value: unknown): value is StoredPause {
  if (typeof value !== "object" || value === null) return false;
  const { node, reason, until, data } = value as Record<keyof StoredPause, unknown>;
  const isText = (part: unknown) => part === undefined || typeof part === "string";
  return typeof node === "string" && isText(reason) && isText(data) && (until === undefined || isTime(until));
}
