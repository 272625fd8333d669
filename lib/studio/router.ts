import { Refusal } from "./answer.js";
import type { Desk, Route } from "./desk.js";
import {
  actOnSchedule,
  cancelRun,
  deleteRun,
  pauseRun,
  replayRun,
  resumeRun,
  sendEvent,
  startRun,
} from "./routes/acts.js";
import { followEvents } from "./routes/events.js";
import { drawRun, showNode, showRun, showTimeline } from "./routes/run.js";
import { listRuns } from "./routes/runs.js";
import {
  drawWorkflow,
  listDeadLetters,
  listSchedules,
  listWorkflows,
  showComparison,
  showServices,
  showStudio,
} from "./routes/views.js";

/** By method and path; `:` stands for a variable part. */
const ROUTES: readonly (readonly [method: "GET" | "POST", path: string, route: Route])[] = [
  ["GET", "studio", showStudio],
  ["GET", "runs", listRuns],
  ["GET", "runs/:", showRun],
  ["GET", "runs/:/nodes/:", showNode],
  ["GET", "runs/:/graph.svg", drawRun],
  ["GET", "runs/:/timeline", showTimeline],
  ["GET", "events", followEvents],
  ["GET", "compare", showComparison],
  ["GET", "dead-letters", listDeadLetters],
  ["GET", "schedules", listSchedules],
  ["GET", "services", showServices],
  ["GET", "workflows", listWorkflows],
  ["GET", "workflows/:/graph.svg", drawWorkflow],
  ["POST", "runs", startRun],
  ["POST", "runs/:/resume", resumeRun],
  ["POST", "runs/:/cancel", cancelRun],
  ["POST", "runs/:/pause", pauseRun],
  ["POST", "runs/:/replay", replayRun],
  ["POST", "runs/:/send", sendEvent],
  ["POST", "runs/:/delete", deleteRun],
  ["POST", "schedules/:/:", actOnSchedule],
];

/**
 * Answers a request to the API. @param path - what follows `/api/`
 * @throws {Refusal} 400, 404, 405
 */
export async function route(desk: Desk, request: Request, path: string, query: URLSearchParams): Promise<Response> {
  const given = path.split("/");
  const matching = ROUTES.flatMap(([method, pattern, to]) => {
    const parts = partsOf(pattern.split("/"), given);
    return parts === undefined ? [] : [{ method, parts, to }];
  });
  if (matching.length === 0) throw new Refusal(404, "NOT_FOUND", "The studio has no such address.");
  const found = matching.find(({ method }) => method === request.method);
  if (found === undefined) {
    const allowed = matching.map(({ method }) => method).join(", ");
    throw new Refusal(405, "METHOD", `This address takes ${allowed}.`, { Allow: allowed });
  }
  return found.to(desk, { request, query, parts: found.parts.map(decoded) });
}

function partsOf(pattern: readonly string[], given: readonly string[]): string[] | undefined {
  if (pattern.length !== given.length) return undefined;
  if (!pattern.every((part, i) => (part === ":" ? given[i] !== "" : part === given[i]))) return undefined;
  return given.filter((_, i) => pattern[i] === ":");
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, "PATH", "The address is not encoded as UTF-8.");
  }
}
