import { DagwrightError } from "../base/errors.js";
import type { EventFacts, RunEvent } from "../run/events.js";
import type { RunStatus } from "../run/status.js";
import type { ItemEntry, Moment, RunHistory } from "../stores/reading/run-history.js";
import { ENDED } from "../stores/reading/run-summary.js";
import type { AttemptEntry } from "../stores/store.js";
import { cycleEvents } from "./cycle-events.js";
import { recordedId, type FollowedEvent } from "./event-names.js";
import { failureOf, type Placed } from "./placed-event.js";

/**
 * The types of events that leave a trace in the record. The others, such as progress, are only seen where the run is
 * driven.
 */
export const RECORDED: ReadonlySet<RunEvent["type"]> = new Set<RunEvent["type"]>([
  "run.started",
  "node.waiting",
  "attempt.started",
  "attempt.failed",
  "node.completed",
  "node.failed",
  "node.skipped",
  "node.cancelled",
  "item.started",
  "item.completed",
  "item.failed",
  "state.entered",
  "state.left",
  "run.paused",
  "run.finished",
]);

/**
 * The events in a history, in order: those of the run and of the runs inside. As a run continues, later events are
 * added at the end. Pure.
 */
export function recordedEvents(run: RunHistory): FollowedEvent[] {
  return eventsIn(run, run.runId, undefined);
}

function eventsIn(run: RunHistory, rootId: string, parent: RunEvent["parent"]): FollowedEvent[] {
  const { runId, workflow, inputs, kind } = run;
  if (run.status === "queued" && run.attempts.length + run.cycles.length + run.moments.length === 0) return [];
  const common = parent === undefined ? { runId } : { runId, parent };
  const told = ({ at, node, facts, which = [] }: Placed) => {
    const event = { ...facts, ...common, at, ...(node === undefined ? {} : { node }) } as RunEvent;
    return Object.freeze({ ...event, id: recordedId(event, rootId, which) });
  };
  const inside = new Map<string | undefined, FollowedEvent[]>();
  for (const inner of run.inside) {
    const node = inner.parentNode ?? "";
    const ofNode = inside.get(node) ?? [];
    inside.set(node, ofNode);
    for (const event of eventsIn(inner, rootId, { runId, node })) ofNode.push(event);
  }
  const nodes = kind === "dag" ? nodeEvents(run) : cycleEvents(run);
  const events = [...nodes, ...run.moments.map((moment) => momentEvent(run, moment))].flatMap((placed) => {
    // Of the events of one instant, what happens inside a node comes after its start, and before its end.
    const inner = STARTS.has(placed.facts.type) ? inside.get(placed.node) : undefined;
    if (inner !== undefined) inside.delete(placed.node);
    return [told(placed), ...(inner ?? [])];
  });
  const started = told({ at: run.createdAt, facts: { type: "run.started", workflow, inputs } });
  const ordered = events.concat(...inside.values()).sort((a, b) => a.at - b.at);
  return [started, ...ordered, ...end(run).map(told)];
}

/** The types of events with which a node starts. */
const STARTS: ReadonlySet<RunEvent["type"]> = new Set<RunEvent["type"]>(["attempt.started", "item.started"]);

function nodeEvents(run: RunHistory): Placed[] {
  // Those that start at the same instant follow each other as they are ordered here.
  const attempts = [...run.attempts].sort((a, b) => startOf(a) - startOf(b));
  return [...attempts.flatMap(attemptEvents), ...run.items.flatMap((item) => itemEvents(run, item))];
}

function startOf({ startedAt, finishedAt }: AttemptEntry): number {
  return startedAt ?? finishedAt ?? 0;
}

function attemptEvents(entry: AttemptEntry): Placed[] {
  const { node, attempt, status, startedAt, finishedAt: at } = entry;
  const placed: Placed[] = [];
  const which = [attempt];
  if (startedAt !== undefined) {
    placed.push({ at: startedAt, node, which, facts: { type: "attempt.started", attempt } });
  }
  if (at === undefined) return placed;
  const tell = (facts: EventFacts) => placed.push({ at, node, which, facts });
  if (status === "completed") {
    tell({ type: "node.completed", result: entry.output?.value, cached: entry.isCached === true });
  } else if (status === "skipped") {
    tell({ type: "node.skipped", skippedBy: entry.reason });
  } else if (status === "failed" && attempt > 0) {
    tell({ type: "attempt.failed", attempt, error: entry.error });
  }
  return placed;
}

function itemEvents(run: RunHistory, entry: ItemEntry): Placed[] {
  const { node, index, attempt, status, startedAt, finishedAt: at } = entry;
  const item = { key: index, index };
  const placed: Placed[] = [];
  const which = [index, attempt];
  if (startedAt !== undefined) {
    placed.push({ at: startedAt, node, which, facts: { type: "item.started", attempt, ...item } });
  }
  if (at === undefined) return placed;
  const tell = (facts: EventFacts) => placed.push({ at, node, which, facts });
  if (status === "completed") {
    tell({ type: "item.completed", result: entry.output?.value, cached: entry.isCached === true, ...item });
  } else if (status === "failed") {
    tell({ type: "item.failed", error: failureOf(run, `${node}[${index}]`, attempt, entry.error), ...item });
  }
  return placed;
}

function momentEvent(run: RunHistory, moment: Moment): Placed {
  const { at, node, token, number } = moment;
  return { at, node, which: [token, number], facts: momentFacts(run, moment) };
}

function momentFacts(run: RunHistory, moment: Moment): EventFacts {
  const { type, attempt = 0, item, waitingFor, error, node, at } = moment;
  if (type === "run.paused") return { type };
  if (type === "node.waiting") return { type, waitingFor: waitingFor as NonNullable<typeof waitingFor> };
  if (type === "attempt.started") return { type, attempt };
  if (type === "node.failed") return { type, error: nodeFailure(run, node as string, at) };
  return { type, attempt, error, ...(item === undefined ? {} : { item: { key: item, index: item } }) };
}

/** What a node failed with that has failed for good at a time. */
function nodeFailure(run: RunHistory, node: string, at: number): DagwrightError {
  const isOf = (entry: AttemptEntry) => entry.node === node && entry.status === "failed";
  const failed = run.attempts.filter((entry) => isOf(entry) && (entry.finishedAt ?? Infinity) <= at).at(-1);
  return failureOf(run, node, failed?.attempt ?? 0, failed?.error);
}

/** The end of a run, which cancels what has not settled. */
function end(run: RunHistory): Placed[] {
  const { status, error, finishedAt: at } = run;
  if (at === undefined || !ENDED.includes(status)) return [];
  const thrown = error instanceof DagwrightError ? error : undefined;
  const cancelled = status === "completed" ? [] : run.kind === "dag" ? cancelledNodes(run) : cancelledStates(run);
  const placed = cancelled.map((node): Placed => ({ at, node, which: [at], facts: { type: "node.cancelled" } }));
  return [...placed, { at, which: [at], facts: { type: "run.finished", status: status as RunStatus, error: thrown } }];
}

function cancelledNodes({ scope, attempts, moments }: RunHistory): readonly string[] {
  const last = new Map(attempts.map((entry) => [entry.node, entry.status]));
  const isSettled = ({ status }: AttemptEntry) => ["completed", "copied", "skipped"].includes(status);
  const settled = new Set(attempts.filter(isSettled).map(({ node }) => node));
  const failed = new Set(moments.filter(({ type }) => type === "node.failed").map(({ node }) => node));
  return scope.filter((node) => !settled.has(node) && !(failed.has(node) && last.get(node) === "failed"));
}

function cancelledStates({ cycles }: RunHistory): readonly string[] {
  const last = cycles.at(-1);
  return last?.status === "cancelled" ? [last.state] : [];
}
