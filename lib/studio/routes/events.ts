import { eventJson, toJson } from "../../observers/event-json.js";
import type { FollowedEvent } from "../../service.js";
import type { RunFilter } from "../../store.js";
import { answer } from "../answer.js";
import type { Desk, Route } from "../desk.js";
import type { StreamEvent } from "../streams.js";
import { missing } from "./run.js";
import { filterOf, listQuery } from "./runs.js";

/** The values of a longer event are left out, in characters of JSON. */
const LONG = 10_000;

/**
 * `GET /api/events`: with `run`, the events of a run, after the one that `Last-Event-ID` names; else those of the newest
 * runs of a list that have changed.
 */
export const followEvents: Route = async (desk, { request, query }) => {
  const runId = query.get("run");
  const after = request.headers.get("last-event-id") ?? query.get("after") ?? undefined;
  const filter = runId === null ? filterOf(listQuery(query)) : undefined;
  if (runId !== null && !(await desk.store.marksOf([runId])).has(runId)) throw missing(runId);
  const body = desk.streams.stream((signal) =>
    filter === undefined ? runEvents(desk, runId as string, after, signal) : listEvents(desk, filter, signal),
  );
  return answer(body, "text/event-stream; charset=utf-8", { headers: { "X-Accel-Buffering": "no" } });
};

async function* listEvents(desk: Desk, filter: RunFilter, signal: AbortSignal): AsyncGenerator<StreamEvent, void> {
  for await (const news of desk.lists.changes(filter, signal)) yield { event: "runs", data: toJson(news) };
}

async function* runEvents(
  desk: Desk,
  runId: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  for await (const event of desk.client.events(runId, { signal, ...(after === undefined ? {} : { after }) })) {
    yield { event: "run", id: event.id, data: brief(event) };
  }
  yield { event: "end", data: "{}" };
}

/** The event in JSON, without its values if they are long. */
function brief(event: FollowedEvent): string {
  const text = eventJson(event);
  if (text.length <= LONG) return text;
  const { id, type, at, runId, parent } = event;
  const { node, attempt, item, cycle } = event as { node?: string; attempt?: number; item?: unknown; cycle?: number };
  return toJson({ id, type, at, runId, parent, node, attempt, item, cycle, isCut: true });
}
