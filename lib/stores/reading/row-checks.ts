import { isTime, show } from "../../base/check.js";
import type {
  AttemptRow,
  CycleRow,
  EventRow,
  MomentRow,
  RunRow,
  Tables,
  TraversalRow,
  WaitRow,
} from "../database/schema.js";
import type { AttemptStatus, CycleStatus, MomentEntry, RecordedRun, WorkflowKind } from "../store.js";
import { unreadable, unreadableEntry } from "../values/unreadable.js";

/** The row types of the tables that hold runs. */
export interface RunRows {
  readonly runs: RunRow;
  readonly node_executions: AttemptRow;
  readonly edge_traversals: TraversalRow;
  readonly fsm_cycles: CycleRow;
  readonly events: EventRow;
  readonly waits: WaitRow;
  readonly moments: MomentRow;
}

interface Rule {
  /** In words. */
  readonly expected: string;
  readonly holds: (value: unknown) => boolean;
}

type Rules<Row> = { readonly [Column in keyof Row]-?: Rule };

const LARGEST_INTEGER = 2 ** 31 - 1;

const TEXT: Rule = { expected: "a string", holds: (value) => typeof value === "string" };
const HASH: Rule = {
  expected: "a SHA-256 in hex",
  holds: (value) => typeof value === "string" && /^[\da-f]{64}$/u.test(value),
};
const NO_HASH: Rule = {
  expected: `${HASH.expected}, or ""`,
  holds: (value) => value === "" || HASH.holds(value),
};
const PRIORITY: Rule = {
  expected: "a number from 0 to 100",
  holds: (value) => typeof value === "number" && value >= 0 && value <= 100,
};
const TIME: Rule = { expected: "a time in ms", holds: isTime };
const COUNT: Rule = {
  expected: "a non-negative integer",
  holds: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_INTEGER,
};
const FLAG: Rule = { expected: "0 or 1", holds: (value) => value === 0 || value === 1 };

function optional({ expected, holds }: Rule): Rule {
  return { expected: `${expected} or null`, holds: (value) => value === null || holds(value) };
}

function oneOf<Word extends string>(words: Readonly<Record<Word, true>>): Rule {
  const expected = `one of ${Object.keys(words).join(", ")}`;
  return { expected, holds: (value) => typeof value === "string" && Object.hasOwn(words, value) };
}

const RULES: { readonly [Table in keyof RunRows]: Rules<RunRows[Table]> } = {
  runs: {
    id: TEXT,
    workflow: TEXT,
    kind: oneOf<WorkflowKind | "">({ dag: true, fsm: true, "": true }),
    fingerprint: NO_HASH,
    fit: NO_HASH,
    parent_run_id: optional(TEXT),
    parent_node: optional(TEXT),
    is_child: FLAG,
    scope: optional(TEXT),
    status: oneOf<RecordedRun["status"]>({
      queued: true,
      running: true,
      completed: true,
      failed: true,
      cancelled: true,
      paused: true,
      waiting: true,
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
    key: optional(TEXT),
    priority: PRIORITY,
    ready_at: optional(TIME),
    is_fresh: FLAG,
    was_due_at: optional(TIME),
    recoveries: COUNT,
    request: optional(TEXT),
    provided: optional(TEXT),
    given: optional(TEXT),
    schedule: optional(TEXT),
    trace: optional(TEXT),
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
      waiting: true,
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
      waiting: true,
    }),
    attempts: COUNT,
    worker: optional(TEXT),
    input: optional(TEXT),
    event: optional(TEXT),
    output: optional(TEXT),
    error: optional(TEXT),
    reason: optional(TEXT),
    wait: optional(TEXT),
    due_at: optional(TIME),
    started_at: optional(TIME),
    finished_at: optional(TIME),
  },
  waits: {
    run_id: TEXT,
    node: TEXT,
    event: optional(TEXT),
    until: optional(TIME),
    payload: optional(TEXT),
  },
  moments: {
    run_id: TEXT,
    token: COUNT,
    number: COUNT,
    type: oneOf<MomentEntry["type"]>({
      "run.paused": true,
      "node.waiting": true,
      "node.failed": true,
      "attempt.started": true,
      "attempt.failed": true,
    }),
    at: TIME,
    node: optional(TEXT),
    attempt: optional(COUNT),
    item: optional(COUNT),
    cycle: optional(COUNT),
    event: optional(TEXT),
    until: optional(TIME),
    error: optional(TEXT),
  },
  events: {
    run_id: TEXT,
    root_id: TEXT,
    id: TEXT,
    number: COUNT,
    event: TEXT,
    payload: TEXT,
    is_unchecked: FLAG,
    sent_at: TIME,
    taken_at: optional(TIME),
    for_owner: optional(TEXT),
  },
};

type CacheRow = Tables["cache_entries"];

const CACHE_RULES: Rules<CacheRow> = { key: TEXT, value: TEXT, stored_at: TIME, expires_at: optional(TIME) };

/** Identifies a row of its table, in words. */
const ROW_LABELS: { readonly [Table in keyof RunRows]: (row: RunRows[Table]) => string } = {
  runs: () => "",
  node_executions: ({ node, attempt }) => ` of node ${show(node)}, attempt ${show(attempt)}`,
  edge_traversals: ({ source, target }) => ` of the edge from ${show(source)} to ${show(target)}`,
  fsm_cycles: ({ cycle }) => ` of cycle ${show(cycle)}`,
  moments: ({ type, number }) => ` of ${show(type)}, ${show(number)}`,
  waits: ({ node }) => ` of node ${show(node)}`,
  events: ({ number }) => ` of event ${show(number)}`,
};

/**
 * Checks the columns of a row, or some of them, and returns the row.
 * @throws {StoreError} STORE naming run and column
 */
export function checkRow<Table extends keyof RunRows, Row extends Partial<RunRows[Table]>>(
  table: Table,
  runId: string,
  row: Row,
): Row {
  const wrong = wrongColumn(RULES[table], row);
  if (wrong === undefined) return row;
  throw unreadable(runId, describeColumn(table, row as unknown as RunRows[Table], wrong.column), wrong.reason);
}

/** {@link checkRow} for an entry of a cache. */
export function checkEntry(row: CacheRow): CacheRow {
  const wrong = wrongColumn(CACHE_RULES, row);
  if (wrong === undefined) return row;
  throw unreadableEntry(row.key, wrong.column, wrong.reason);
}

function wrongColumn<Row>(
  rules: Rules<Row>,
  row: Partial<Row>,
): { readonly column: string; readonly reason: string } | undefined {
  for (const column in rules) {
    if (!(column in row)) continue;
    const value = row[column];
    if (rules[column].holds(value)) continue;
    return { column, reason: `it must be ${rules[column].expected}, but is ${show(value)}` };
  }
  return undefined;
}

/** Names a column and its row in a message. */
export function describeColumn<Table extends keyof RunRows>(table: Table, row: RunRows[Table], column: string): string {
  return `column "${column}"${ROW_LABELS[table](row)} in table ${table}`;
}
