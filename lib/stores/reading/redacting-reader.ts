import { append } from "../../base/append.js";
import { withJson } from "../../base/json.js";
import type { Structure } from "../../planning/structure.js";
import { firstNode, type Pause } from "../../run/pause.js";
import type { NodeWait } from "../../run/state.js";
import type { NodeStatus } from "../../run/status.js";
import type { AttemptRow, CycleRow, RunRow, WaitRow } from "../database/schema.js";
import type { AttemptStatus, RecordedCycle } from "../store.js";
import type { Redaction } from "../values/redaction.js";
import type { ColumnDecoder } from "./column-decoder.js";
import { effectiveAttempt } from "./effective-attempt.js";
import { recordedCycles } from "./recorded-run.js";
import type { AttemptDetails, NodeDetails } from "./run-details.js";
import { isOpenWait } from "./run-rows.js";
import { wholeMs } from "./run-summary.js";

export type Values = Record<string, unknown>;

const NO_NODE: NodeDetails = {
  status: "pending",
  attempts: 0,
  output: undefined,
  branch: undefined,
  cached: false,
  error: undefined,
  reason: undefined,
  startedAt: undefined,
  duration: undefined,
  finishedAt: undefined,
  waitingFor: undefined,
  items: undefined,
  resumable: true,
};

/** A node outside the scope of a partial run. */
const OUT_OF_SCOPE: NodeDetails = { ...NO_NODE, status: "skipped" };

/** Whether a node that waited before has a status of its own again. */
function hasEnded({ status }: NodeDetails): boolean {
  return status !== "pending" && status !== "ready";
}

function nodeWait({ event, until }: WaitRow): NodeWait {
  return event === null ? { until: until as number } : { event };
}

/** Decodes and redacts rows. */
export class RedactingReader {
  constructor(
    private readonly decoder: ColumnDecoder,
    private readonly redaction: Redaction,
  ) {}

  value(name: string, text: string | null): unknown {
    return text === null ? undefined : this.redaction.apply(name, this.decoder.value(text));
  }

  error(text: string | null): unknown {
    const thrown = this.decoder.thrown(text);
    return thrown instanceof Error ? withJson(thrown) : thrown;
  }

  nodes(
    { status, scope }: RunRow,
    structure: Structure,
    rows: readonly AttemptRow[],
    pauses: readonly Pause[],
    waits: readonly WaitRow[],
  ): Map<string, NodeDetails> {
    const byNode = new Map<string, AttemptRow[]>();
    for (const row of rows) append(byNode, row.node, row);
    const isOver = status === "failed" || status === "cancelled";
    const idle: NodeDetails = isOver ? { ...NO_NODE, status: "cancelled" } : NO_NODE;
    const inScope = scope === null ? undefined : new Set(this.decoder.list(scope));
    const names = new Set(structure.map(([name]) => name));
    const waiting = new Map(waits.filter(isOpenWait).map((wait) => [wait.node, wait]));
    const paused = new Map(pauses.map((pause) => [firstNode(pause.node, (name) => names.has(name)), pause]));
    return new Map(
      structure.map(([name]) => {
        const isOutside = inScope !== undefined && !inScope.has(name);
        const node = this.node(byNode.get(name)) ?? (isOutside ? OUT_OF_SCOPE : idle);
        const pause = paused.get(name);
        const wait = isOver ? undefined : waiting.get(name);
        if (wait !== undefined && !hasEnded(node)) {
          return [name, withJson({ ...node, status: "waiting" as const, waitingFor: withJson(nodeWait(wait)) })];
        }
        const details = pause === undefined ? node : { ...node, status: "paused" as const, reason: pause.reason };
        return [name, withJson({ ...details })];
      }),
    );
  }

  private node(rows: readonly AttemptRow[] | undefined): NodeDetails | undefined {
    if (rows === undefined) return undefined;
    const row = effectiveAttempt(rows);
    const startedAt = rows.find(({ started_at }) => started_at !== null)?.started_at ?? undefined;
    const { status, output, finished_at } = row;
    return {
      status: status === "superseded" ? "pending" : (status as NodeStatus),
      attempts: rows[rows.length - 1].attempt,
      output: this.value(row.node, output),
      branch: row.branch ?? undefined,
      cached: row.is_cached === 1,
      error: this.error(row.error),
      reason: row.reason ?? undefined,
      startedAt: startedAt === undefined ? undefined : wholeMs(startedAt),
      duration: startedAt === undefined || finished_at === null ? undefined : finished_at - startedAt,
      finishedAt: wholeMs(finished_at),
      waitingFor: undefined,
      items: undefined,
      resumable: status !== "completed" || output !== null,
    };
  }

  attempts(
    rows: readonly AttemptRow[],
    nodes: ReadonlyMap<string, NodeDetails>,
    inputs: ReadonlyMap<string, Values>,
  ): AttemptDetails[] {
    const executed = rows.filter(({ attempt }) => attempt > 0);
    executed.sort((a, b) => (a.started_at ?? 0) - (b.started_at ?? 0));
    return executed.map((row) =>
      withJson({
        node: row.node,
        attempt: row.attempt,
        status: row.status as AttemptStatus,
        worker: row.worker ?? undefined,
        input: inputs.get(row.node) ?? {},
        output:
          row.output === null
            ? undefined
            : nodes.has(row.node)
              ? nodes.get(row.node)?.output
              : this.value(row.node, row.output),
        error: this.error(row.error),
        startedAt: wholeMs(row.started_at),
        finishedAt: wholeMs(row.finished_at),
      }),
    );
  }

  /** The states as nodes, each as of its latest cycle. */
  states(structure: Structure, cycles: readonly CycleRow[]): Map<string, NodeDetails> {
    const nodes = new Map<string, NodeDetails>(structure.map(([name]) => [name, withJson({ ...NO_NODE })]));
    for (const row of cycles) {
      if (row.status === "entered") continue;
      const { started_at, finished_at } = row;
      const details: NodeDetails = {
        ...NO_NODE,
        status: row.status as NodeStatus,
        attempts: row.attempts,
        output: this.value(row.state, row.output),
        error: this.error(row.error),
        reason: row.reason ?? undefined,
        startedAt: wholeMs(started_at),
        duration: started_at === null || finished_at === null ? undefined : finished_at - started_at,
        finishedAt: wholeMs(finished_at),
      };
      nodes.set(row.state, withJson(details));
    }
    return nodes;
  }

  cycles(rows: readonly CycleRow[]): RecordedCycle[] {
    const redact = (state: string, value: RecordedCycle["input"]) =>
      value === undefined ? undefined : withJson({ value: this.redaction.apply(state, value.value) });
    return recordedCycles(rows, this.decoder).map((cycle, i) => {
      const { started_at, finished_at, error } = rows[i];
      const times = { startedAt: wholeMs(started_at), finishedAt: wholeMs(finished_at) };
      const input = redact(cycle.state, cycle.input);
      const output = redact(cycle.state, cycle.output);
      return withJson({ ...cycle, ...times, input, output, error: this.error(error) });
    });
  }
}
