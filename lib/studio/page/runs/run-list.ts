import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Summary } from "../data.js";
import { get, useRepeat, useStream } from "../server.js";

interface Page {
  readonly runs: readonly Summary[];
  readonly cursor?: string;
}

export interface RunList {
  readonly runs: readonly Summary[];
  readonly isComplete: boolean;
  readonly isLoading: boolean;
  readonly error: Error | undefined;
  /** Call with the visible rows: loads the next ones, and follows the runs in progress. */
  readonly onSeen: (first: number, last: number) => void;
}

/** Rows that are loaded before they are seen. */
const AHEAD = 200;
/** How many of the newest runs the server sends. */
const WATCHED = 100;
/** How often other runs that go on are looked after, in ms. */
const REFRESH = 5000;

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "cancelled"]);

/** Newer runs come first; those of the same time by id, as the server has them. */
function isBefore(a: Summary, b: Summary): boolean {
  return a.createdAt === b.createdAt ? a.runId > b.runId : a.createdAt > b.createdAt;
}

function merged(before: readonly Summary[], news: readonly Summary[], gone: readonly string[] = []): Summary[] {
  const byId = new Map(news.map((run) => [run.runId, run]));
  const lost = new Set(gone);
  const kept = before.flatMap((run) => {
    if (lost.has(run.runId)) return [];
    const newer = byId.get(run.runId) ?? run;
    byId.delete(run.runId);
    return newer;
  });
  for (const run of byId.values()) {
    let place = kept.length;
    while (place > 0 && isBefore(run, kept[place - 1])) place--;
    kept.splice(place, 0, run);
  }
  return kept;
}

/** The runs that meet the conditions of a query: more when they are scrolled to, and live. */
export function useRunList(query: string, isSearch: boolean): RunList {
  const [runs, setRuns] = useState<readonly Summary[]>([]);
  const [error, setError] = useState<Error>();
  const [isLoading, setLoading] = useState(true);
  const [isComplete, setComplete] = useState(false);
  const state = useRef({
    query: "",
    cursor: undefined as string | undefined,
    isBusy: false,
    isOver: false,
    seen: [0, 0],
  });

  const load = useCallback(async () => {
    const mine = state.current;
    if (mine.isBusy || mine.isOver) return;
    mine.isBusy = true;
    setLoading(true);
    try {
      const cursor = mine.cursor === undefined ? "" : `&cursor=${encodeURIComponent(mine.cursor)}`;
      const page = await get<Page>(`runs?${query}${cursor}`);
      if (state.current !== mine) return;
      mine.cursor = page.cursor;
      mine.isOver = page.cursor === undefined;
      setComplete(mine.isOver);
      // The stream has newer data.
      setRuns((before) => {
        const known = new Set(before.map((run) => run.runId));
        return merged(
          before,
          page.runs.filter((run) => !known.has(run.runId)),
        );
      });
      setError(undefined);
      // A search may look through many runs before it finds one.
      if (page.runs.length === 0 && !mine.isOver) setTimeout(() => void load(), 0);
    } catch (thrown) {
      if (state.current === mine) setError(thrown as Error);
    } finally {
      mine.isBusy = false;
      if (state.current === mine) setLoading(false);
    }
  }, [query]);

  useEffect(() => {
    state.current = { query, cursor: undefined, isBusy: false, isOver: false, seen: [0, 0] };
    setRuns([]);
    setComplete(false);
    void load();
  }, [query, load]);

  useStream(isSearch ? undefined : `events?${query}`, (event, { runs: news, gone }) => {
    if (event === "runs")
      setRuns((before) => merged(before, inReach(news as Summary[], before, state.current.isOver), gone as string[]));
  });

  useRepeat(REFRESH, () => {
    const [first, last] = state.current.seen;
    const older = runs.slice(Math.max(isSearch ? 0 : WATCHED, first), last).filter(({ status }) => !ENDED.has(status));
    for (const { runId } of older.slice(0, 20)) {
      void get<Summary>(`runs/${encodeURIComponent(runId)}`).then(
        (run) => setRuns((before) => merged(before, before.some((each) => each.runId === runId) ? [run] : [])),
        () => {},
      );
    }
  });

  const onSeen = useCallback(
    (first: number, last: number) => {
      state.current.seen = [first, last];
      if (last > runs.length - AHEAD) void load();
    },
    [runs.length, load],
  );
  return { runs, isComplete, isLoading, error, onSeen };
}

/** Not those that come after what is loaded, between which others may be missing. */
function inReach(news: readonly Summary[], loaded: readonly Summary[], isComplete: boolean): readonly Summary[] {
  const last = loaded.at(-1);
  return isComplete || last === undefined
    ? news
    : news.filter((run) => isBefore(run, last) || run.runId === last.runId);
}
