import { useEffect, useRef, useState } from "preact/hooks";
import type { Run } from "../data.js";
import { segment, useData, useStream, type Loaded } from "../server.js";

export interface LogLine {
  readonly at: number;
  readonly text: string;
}

/** A run as it goes on. */
export interface LiveRun extends Loaded<Run> {
  /** What became of nodes since the run was read, by path. */
  readonly statuses: ReadonlyMap<string, string>;
  /** How far nodes are, from 0 to 1. */
  readonly progress: ReadonlyMap<string, number>;
  readonly logs: ReadonlyMap<string, readonly LogLine[]>;
  /** Differs when something was recorded since. */
  readonly mark: string;
}

interface LiveEvent {
  readonly type: string;
  readonly at: number;
  readonly runId: string;
  readonly node?: string;
  readonly fraction?: number;
  readonly message?: string;
}

const STATUSES: Readonly<Record<string, string>> = {
  "node.ready": "ready",
  "node.waiting": "waiting",
  "attempt.started": "running",
  "state.entered": "running",
  "state.left": "completed",
  "node.completed": "completed",
  "node.failed": "failed",
  "node.skipped": "skipped",
  "node.cancelled": "cancelled",
};

/** How long events are gathered before the run is read again, in ms. */
const GATHER = 300;
const MOST_LINES = 500;

interface Told {
  readonly statuses: ReadonlyMap<string, string>;
  readonly progress: ReadonlyMap<string, number>;
  readonly logs: ReadonlyMap<string, readonly LogLine[]>;
}

const OVER: ReadonlySet<string> = new Set(["completed", "failed", "cancelled"]);

const NOTHING: Told = { statuses: new Map(), progress: new Map(), logs: new Map() };

/** A run, read again when something happens in it. */
export function useLiveRun(runId: string): LiveRun {
  const loaded = useData<Run>(`runs/${segment(runId)}`);
  const { data, reload } = loaded;
  const [told, setTold] = useState(NOTHING);
  const [mark, setMark] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const gathered = useRef<LiveEvent[]>([]);
  const readAt = useRef(0);
  readAt.current = data?.readAt ?? 0;
  useEffect(() => {
    setTold(NOTHING);
    return () => clearTimeout(timer.current);
  }, [runId]);
  // A record that was just read includes all earlier events.
  useEffect(() => setTold((before) => ({ ...before, statuses: NOTHING.statuses })), [data]);
  const take = () => {
    timer.current = undefined;
    const events = gathered.current.splice(0);
    const since = readAt.current;
    setTold((before) => applied(before, events, runId, since));
    if (events.every(({ at }) => at < since)) return;
    if (events.every(({ type }) => type === "node.progress")) return;
    setMark((before) => before + 1);
    reload();
  };
  const listen = (type: string, event: LiveEvent) => {
    if (type !== "run") return;
    gathered.current.push(event);
    timer.current ??= setTimeout(take, GATHER);
  };
  // A finished run sends nothing more until it is continued.
  useStream(
    data === undefined || OVER.has(data.status) ? undefined : `events?run=${segment(runId)}`,
    listen,
    data?.status,
  );
  return { ...loaded, ...told, mark: `${data?.status ?? ""} ${mark}` };
}

function applied(before: Told, events: readonly LiveEvent[], rootId: string, since: number): Told {
  const [statuses, progress, logs] = [new Map(before.statuses), new Map(before.progress), new Map(before.logs)];
  for (const { type, runId, node, at, fraction, message } of events) {
    if (node === undefined) continue;
    const path = runId === rootId ? node : `${runId.slice(rootId.length + 1).replaceAll("/", ".")}.${node}`;
    const status = STATUSES[type];
    // What is older is in the record that was read.
    if (status !== undefined && at >= since) statuses.set(path, status);
    if (type !== "node.progress") continue;
    if (fraction !== undefined) progress.set(path, fraction);
    if (message !== undefined) logs.set(path, [...(logs.get(path) ?? []).slice(-MOST_LINES), { at, text: message }]);
  }
  return { statuses, progress, logs };
}
