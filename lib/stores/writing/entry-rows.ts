import { nowChecked, toEpoch } from "../../base/clock.js";
import type { AttemptRow, CycleRow, MomentRow, TraversalRow, WaitRow } from "../database/schema.js";
import type { AttemptEntry, CycleEntry, CycleStatus, MomentEntry, Traversal, WaitEntry } from "../store.js";
import type { Codec } from "../values/codec.js";
import { escapeInputName, escapeName, requireStorable, sanitize } from "../values/storable-text.js";
import { SKIP_HINT } from "../values/unstorable.js";

/** What entries need to become rows. */
export interface RowHost {
  readonly codec: Codec;
  /** Names this process. */
  readonly worker: string;
  /** Whether to leave out values that can't be stored, instead of failing. */
  readonly skipsUnstorable: boolean;
}

/** The run that entries belong to. */
interface RowSource {
  readonly runId: string;
  readonly host: RowHost;
}

/** Adds a text to the batch if it is long. Returns what the column holds. Called when all values are encoded. */
type Store = (text: string) => string;

/** @throws {StoreError} UNSTORABLE */
export function attemptRow({ runId, host }: RowSource, entry: AttemptEntry, store: Store): AttemptRow {
  const { node, attempt, status, startedAt, finishedAt, output, branch, isCached, error, reason } = entry;
  if (branch !== undefined) requireStorable(`The branch of node "${node}"`, branch);
  const { codec, worker, skipsUnstorable } = host;
  let text: string | null = null;
  if (output !== undefined) {
    try {
      text = codec.encode(output.value, `The result of node "${node}"`, SKIP_HINT);
    } catch (unstorable) {
      if (!skipsUnstorable) throw unstorable;
    }
  }
  return {
    run_id: runId,
    node,
    attempt,
    status,
    worker: attempt === 0 ? null : worker,
    output: text === null ? null : store(text),
    branch: branch ?? null,
    is_cached: isCached === true ? 1 : 0,
    error: error === undefined ? null : store(codec.encodeThrown(error)),
    reason: reason === undefined ? null : sanitize(reason),
    started_at: startedAt ?? null,
    finished_at: finishedAt ?? null,
  };
}

export function traversalRows({ runId }: RowSource, list: readonly Traversal[]): TraversalRow[] {
  const traversed_at = toEpoch(nowChecked());
  return list.map(({ from, to, input, output }) => ({
    run_id: runId,
    target: to,
    input: escapeInputName(input),
    source: from,
    output: output === undefined ? null : escapeName(output),
    traversed_at,
  }));
}

/** @throws {StoreError} UNSTORABLE */
export function cycleRow({ runId, host }: RowSource, entry: CycleEntry, store: Store): CycleRow {
  const { cycle, state, status, attempts, startedAt, finishedAt, input, event, output, error, reason, wait, dueAt } =
    entry;
  const { codec, worker } = host;
  const encoded = (value: { readonly value: unknown } | undefined, label: string) =>
    value === undefined ? undefined : codec.encode(value.value, `The ${label} of state "${state}"`);
  const inputText = encoded(input, "input");
  const outputText = encoded(output, "value");
  const stored = (text: string | undefined) => (text === undefined ? null : store(text));
  return {
    run_id: runId,
    cycle,
    state,
    status: status satisfies CycleStatus,
    attempts,
    worker,
    input: stored(inputText),
    event: event ?? null,
    output: stored(outputText),
    error: error === undefined ? null : store(codec.encodeThrown(error)),
    reason: reason === undefined ? null : sanitize(reason),
    wait: wait === undefined ? null : JSON.stringify(wait),
    due_at: dueAt ?? null,
    started_at: startedAt ?? null,
    finished_at: finishedAt ?? null,
  };
}

/** @throws {StoreError} UNSTORABLE */
export function waitRow({ runId, host }: RowSource, entry: WaitEntry, store: Store): WaitRow {
  const { node, event, until, payload } = entry;
  const text = payload === undefined ? undefined : host.codec.encode(payload.value, `The payload of node "${node}"`);
  return {
    run_id: runId,
    node,
    event: event ?? null,
    until: until ?? null,
    payload: text === undefined ? null : store(text),
  };
}

/** @param number - the position of the moment among those of its driver, whose token is `token` */
export function momentRow(
  { runId, host }: RowSource,
  { type, at, node, attempt, item, cycle, waitingFor, error }: MomentEntry,
  { token, number }: Pick<MomentRow, "token" | "number">,
  store: Store,
): MomentRow {
  return {
    run_id: runId,
    token,
    number,
    type,
    at,
    node: node ?? null,
    attempt: attempt ?? null,
    item: item ?? null,
    cycle: cycle ?? null,
    event: waitingFor !== undefined && "event" in waitingFor ? waitingFor.event : null,
    until: waitingFor !== undefined && "until" in waitingFor ? waitingFor.until : null,
    error: error === undefined ? null : store(host.codec.encodeThrown(error)),
  };
}
