import { isTime, show } from "../base/check.js";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import type { Structure } from "../planning/structure.js";
import type { AttemptRow, CycleRow, EventRow, RunRow, Tables, TraversalRow } from "./schema.js";
import type { AttemptStatus, CycleStatus, RecordedRun, RecordedWait, WorkflowKind } from "./store.js";

/** The rows of a run, by table. */
export interface RunRows {
  readonly runs: RunRow;
  readonly node_executions: AttemptRow;
  readonly edge_traversals: TraversalRow;
  readonly fsm_cycles: CycleRow;
  readonly fsm_events: EventRow;
}

interface Rule {
  /** What a column must be. */
  readonly what: string;
  readonly holds: (value: unknown) => boolean;
}

type Rules<Row> = { readonly [Column in keyof Row]-?: Rule };

const LARGEST_INTEGER = 2 ** 31 - 1;

const TEXT: Rule = { what: "a text", holds: (value) => typeof value === "string" };
const HASH: Rule = {
  what: "a SHA-256 in hex",
  holds: (value) => typeof value === "string" && /^[\da-f]{64}$/u.test(value),
};
const TIME: Rule = { what: "a time in ms", holds: isTime };
const COUNT: Rule = {
  what: "a whole number from 0 on",
  holds: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_INTEGER,
};
const FLAG: Rule = { what: "0 or 1", holds: (value) => value === 0 || value === 1 };

function optional({ what, holds }: Rule): Rule {
  return { what: `${what}, or null`, holds: (value) => value === null || holds(value) };
}

function oneOf<Word extends string>(words: Readonly<Record<Word, true>>): Rule {
  const what = `one of ${Object.keys(words).join(", ")}`;
  return { what, holds: (value) => typeof value === "string" && Object.hasOwn(words, value) };
}

const RULES: { readonly [Table in keyof RunRows]: Rules<RunRows[Table]> } = {
  runs: {
    id: TEXT,
    workflow: TEXT,
    kind: oneOf<WorkflowKind>({ dag: true, fsm: true }),
    fingerprint: HASH,
    parent_run_id: optional(TEXT),
    parent_node: optional(TEXT),
    scope: optional(TEXT),
    status: oneOf<RecordedRun["status"]>({
      running: true,
      completed: true,
      failed: true,
      cancelled: true,
      paused: true,
    }),
    inputs: TEXT,
    outputs: optional(TEXT),
    metadata: optional(TEXT),
    error: optional(TEXT),
    owner: optional(TEXT),
    lease_expires_at: optional(TIME),
    fencing_token: COUNT,
    created_at: TIME,
    updated_at: TIME,
    finished_at: optional(TIME),
    pause_reason: optional(TEXT),
    pauses: optional(TEXT),
    due_at: optional(TIME),
  },
  node_executions: {
    run_id: TEXT,
    node: TEXT,
    attempt: COUNT,
    status: oneOf<AttemptStatus>({
      running: true,
      completed: true,
      failed: true,
      skipped: true,
      copied: true,
      cancelled: true,
      paused: true,
      superseded: true,
    }),
    worker: optional(TEXT),
    output: optional(TEXT),
    branch: optional(TEXT),
    is_cached: FLAG,
    error: optional(TEXT),
    reason: optional(TEXT),
    started_at: optional(TIME),
    finished_at: optional(TIME),
  },
  edge_traversals: {
    run_id: TEXT,
    target: TEXT,
    input: TEXT,
    source: TEXT,
    output: optional(TEXT),
    traversed_at: TIME,
  },
  fsm_cycles: {
    run_id: TEXT,
    cycle: COUNT,
    state: TEXT,
    status: oneOf<CycleStatus>({
      entered: true,
      running: true,
      completed: true,
      failed: true,
      cancelled: true,
      paused: true,
    }),
    attempts: COUNT,
    worker: optional(TEXT),
    input: optional(TEXT),
    event: optional(TEXT),
    output: optional(TEXT),
    error: optional(TEXT),
    reason: optional(TEXT),
    wait: optional(TEXT),
    started_at: optional(TIME),
    finished_at: optional(TIME),
  },
  fsm_events: {
    run_id: TEXT,
    id: TEXT,
    number: COUNT,
    event: TEXT,
    payload: TEXT,
    sent_at: TIME,
    taken_at: optional(TIME),
    for_owner: optional(TEXT),
  },
};

type CacheRow = Tables["cache_entries"];

const CACHE_RULES: Rules<CacheRow> = { key: TEXT, value: TEXT, stored_at: TIME, expires_at: optional(TIME) };

/** Which row of its table one is, in words. */
const WHICH: { readonly [Table in keyof RunRows]: (row: RunRows[Table]) => string } = {
  runs: () => "",
  node_executions: ({ node, attempt }) => ` of node ${show(node)}, attempt ${show(attempt)}`,
  edge_traversals: ({ source, target }) => ` of the edge from ${show(source)} to ${show(target)}`,
  fsm_cycles: ({ cycle }) => ` of cycle ${show(cycle)}`,
  fsm_events: ({ number }) => ` of event ${show(number)}`,
};

/**
 * A row as it was read, or some columns of it, when each holds what a store writes to it.
 * @throws {StoreError} STORE naming run and column
 */
export function checkedRow<Table extends keyof RunRows, Row extends Partial<RunRows[Table]>>(
  table: Table,
  runId: string,
  row: Row,
): Row {
  const wrong = wrongColumn(RULES[table], row);
  if (wrong === undefined) return row;
  throw unreadable(runId, describeColumn(table, row as unknown as RunRows[Table], wrong.column), wrong.reason);
}

/** An entry of a cache, likewise. */
export function checkedEntry(row: CacheRow): CacheRow {
  const wrong = wrongColumn(CACHE_RULES, row);
  if (wrong === undefined) return row;
  throw unreadableEntry(row.key, `column "${wrong.column}"`, wrong.reason);
}

function wrongColumn<Row>(
  rules: Rules<Row>,
  row: Partial<Row>,
): { readonly column: string; readonly reason: string } | undefined {
  for (const column in rules) {
    if (!(column in row)) continue;
    const value = row[column];
    if (rules[column].holds(value)) continue;
    return { column, reason: `it is ${show(value)}, and must be ${rules[column].what}` };
  }
  return undefined;
}

/** Names a column, and the row it is of. */
export function describeColumn<Table extends keyof RunRows>(table: Table, row: RunRows[Table], column: string): string {
  return `column "${column}"${WHICH[table](row)} in table ${table}`;
}

/** The error for what nobody wrote in this way. */
export function unreadable(runId: string, place: string, reason: string, cause?: unknown): StoreError {
  const message = `Run ${show(runId)} can't be read: ${place} is not as it was written: ${reason}.`;
  const remedy = "Restore it from a backup, or remove the run.";
  return new StoreError(`${message} ${remedy}`, "STORE", cause === undefined ? undefined : { cause });
}

/** What is wrong with a text, by what reading it threw. */
export function reasonOf(error: unknown): string {
  return messageOf(error instanceof StoreError && error.cause !== undefined ? error.cause : error).replace(/\.$/u, "");
}

/** The error for a cache entry that nobody wrote in this way. */
export function unreadableEntry(key: string, place: string, reason: string, cause?: unknown): StoreError {
  const message = `A stored value can't be read: ${place} of cache entry ${show(key)} is not as it was written: ${reason}. Remove it.`;
  return new StoreError(message, "STORE", cause === undefined ? undefined : { cause });
}

// --- texts that are JSON as such; each throws for a text that is not ---

export function parseNames(text: string): readonly string[] {
  const names = JSON.parse(text) as unknown;
  if (isTexts(names)) return names;
  throw new TypeError("it must be a list of names");
}

export function parseStructure(text: string): Structure {
  const nodes = JSON.parse(text) as unknown;
  if (Array.isArray(nodes) && nodes.every((node) => isTexts(node) && node.length >= 2)) {
    const structure = nodes as unknown as Structure;
    if (new Set(structure.map(([name]) => name)).size === structure.length) return structure;
  }
  throw new TypeError("it must list each node once, with its kind and wiring");
}

/** @param isState - tells the names of the fsm's states */
export function parseWait(text: string, isState: (name: string) => boolean): RecordedWait {
  const wait = JSON.parse(text) as Partial<RecordedWait> | null;
  const { events, after } = wait ?? {};
  const isPair = (pair: unknown) => isTexts(pair) && pair.length === 2 && isState(pair[1]);
  const isAfter = after === undefined || (after !== null && TIME.holds(after.at) && isState(after.state));
  if (Array.isArray(events) && events.every(isPair) && isAfter) return { events, after };
  throw new TypeError("it must say which event, or time, leads to which state");
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}
