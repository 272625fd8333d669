import { oneOf, checkOptions, integer, timeOf, type Rules } from "../../base/check.js";
import { toJson } from "../../observers/event-json.js";
import { RUN_STATUSES } from "../../run/status.js";
import type { RunFilter, RunSummary } from "../../store.js";
import { json } from "../answer.js";
import type { Desk, Route } from "../desk.js";

/** How many runs a search looks at before it answers: the page asks on. */
const MOST_SEARCHED = 5000;
const PAGE = 200;

interface ListQuery {
  readonly workflow?: string;
  readonly status?: RunFilter["status"];
  readonly since?: number;
  readonly until?: number;
  readonly text?: string;
  readonly parent?: string;
  readonly cursor?: string;
  readonly limit?: number;
  /** Also runs inside of others. */
  readonly inside?: boolean;
}

const RULES: Rules<ListQuery> = {
  workflow: "string",
  status: oneOf(RUN_STATUSES),
  since: timeOf,
  until: timeOf,
  text: "string",
  parent: "string",
  cursor: "string",
  limit: integer(1),
  inside: "boolean",
};

/** `GET /api/runs`: a page of runs, newest first. */
export const listRuns: Route = async (desk, { query }) => {
  const { text = "", cursor, limit = PAGE, ...rest } = listQuery(query);
  const filter = { ...filterOf(rest), limit: Math.min(limit, PAGE) };
  return json(
    text === "" ? await desk.store.listRuns({ ...filter, cursor }) : await search(desk, filter, text, cursor),
  );
};

/** The options of a list. @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function listQuery(query: URLSearchParams): ListQuery {
  const given: Record<string, unknown> = Object.fromEntries(Array.from(query).filter(([, value]) => value !== ""));
  for (const name of ["since", "until", "limit"]) if (given[name] !== undefined) given[name] = Number(given[name]);
  if (given.inside !== undefined) given.inside = given.inside === "true";
  checkOptions(given, RULES, "a list of runs");
  return given;
}

export function filterOf({ workflow, status, since, until, parent, inside }: ListQuery): RunFilter {
  return { workflow, status, since, until, parent, roots: parent === undefined && inside !== true };
}

/** Looks through the runs from the newest one on. */
async function search(desk: Desk, filter: RunFilter, text: string, from: string | undefined) {
  const found: RunSummary[] = [];
  const words = text.toLowerCase().split(/\s+/u).filter(Boolean);
  let cursor = from;
  for (let searched = 0; searched < MOST_SEARCHED && found.length < PAGE; searched += PAGE) {
    const page = await desk.store.listRuns({ ...filter, limit: PAGE, cursor });
    found.push(...page.runs.filter((run) => has(run, words)));
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return { runs: found, unreadable: [], cursor };
}

function has(run: RunSummary, words: readonly string[]): boolean {
  const { runId, workflow, status, currentState = "", pauseReason = "", metadata } = run;
  const all = [runId, workflow, status, currentState, pauseReason, toJson(metadata)].join("\n").toLowerCase();
  return words.every((word) => all.includes(word));
}
