import { ownValue } from "../../base/objects.js";
import { VERSION } from "../../base/own-files.js";
import type { RunSummary } from "../../store.js";
import { compareRuns } from "../../stores/reading/compare-runs.js";
import { totalHealth } from "../../stores/queue/health.js";
import { json, Refusal } from "../answer.js";
import type { Desk, Route } from "../desk.js";
import { draw } from "../graph-drawer.js";
import { shownError, shownValue } from "../shown-value.js";
import { lookIn, picture, requireRun } from "./run.js";
import { filterOf, listQuery } from "./runs.js";

const BRIEF = 2000;
/** How many failed runs a page has, each of which is read. */
const LETTERS = 25;

/** `GET /api/studio`: what the page has to know of the studio itself. */
export const showStudio: Route = ({ isReadOnly, place }) => json({ version: VERSION, isReadOnly, place });

/** `GET /api/workflows`: those that can be started or have runs, with their inputs if these are known. */
export const listWorkflows: Route = async ({ store, workflows, startable }) => {
  const { workflows: recorded } = await store.overview();
  const runs = new Map(recorded.map((each) => [each.name, each.runs]));
  const names = new Set([...workflows.keys(), ...(startable ?? []), ...runs.keys()]);
  return json({
    workflows: Array.from(names)
      .sort()
      .map((name) => {
        const workflow = workflows.get(name);
        return {
          name,
          kind: workflow?.kind,
          description: workflow === undefined ? undefined : descriptionOf(workflow),
          isKnown: workflow !== undefined,
          isStartable: startable === undefined || startable.includes(name),
          inputs: workflow?.inputs,
          runs: runs.get(name) ?? {},
        };
      }),
  });
};

/** `GET /api/workflows/:name/graph.svg`. */
export const drawWorkflow: Route = async ({ workflows }, { parts: [name], query }) => {
  const workflow = workflows.get(name);
  if (workflow === undefined)
    throw new Refusal(404, "NOT_FOUND", `The studio knows no nodes of ${JSON.stringify(name)}.`);
  return picture(await draw(workflow, lookIn(query)));
};

/** `GET /api/schedules`. */
export const listSchedules: Route = async ({ client }) => {
  const schedules = await client.schedules();
  return json({ schedules: schedules.map((each) => ({ ...each, error: shownError(each.error) })) });
};

/** `GET /api/services`: the queue, and the services that work on it. */
export const showServices: Route = async ({ store }) => {
  const { workflows, drivers } = await store.overview();
  const healths = await store.queue.healthByWorkflow(workflows.map(({ name }) => name));
  return json({
    now: Date.now(),
    health: totalHealth(healths.values()),
    workflows: Array.from(healths, ([name, health]) => ({ name, ...health })),
    drivers,
  });
};

/** `GET /api/compare?a=…&b=…`: how two runs differ. */
export const showComparison: Route = async (desk, { query }) => {
  const [a, b] = ["a", "b"].map((name) => query.get(name) ?? "");
  if (a === "" || b === "") throw new Refusal(400, "QUERY", 'Two runs are compared by their ids, as "?a=…&b=…".');
  const [one, other] = await Promise.all([requireRun(desk, a), requireRun(desk, b)]);
  const difference = compareRuns(one, other);
  const side = (node: (typeof difference.nodes)[number]["a"]) =>
    node && {
      status: node.status,
      branch: node.branch,
      attempts: node.attempts,
      duration: node.duration,
      output: shownValue(node.output, BRIEF),
    };
  const nodes = difference.nodes.map((each) => ({
    node: each.node,
    differs: each.differs,
    a: side(each.a),
    b: side(each.b),
  }));
  const inputs = difference.inputs.map((name) => ({
    name,
    a: shownValue(ownValue(one.inputs, name), BRIEF),
    b: shownValue(ownValue(other.inputs, name), BRIEF),
  }));
  return json({
    a: factsOf(one),
    b: factsOf(other),
    inputs,
    nodes,
    same: one.nodes.size - nodes.filter((each) => each.a).length,
  });
};

function factsOf({ runId, workflow, kind, status, createdAt, finishedAt }: RunSummary) {
  return { runId, workflow, kind, status, createdAt, finishedAt };
}

/** `GET /api/dead-letters`: the runs that failed, newest first, and why. */
export const listDeadLetters: Route = async (desk, { query }) => {
  const { cursor, ...rest } = listQuery(query);
  const page = await desk.store.listRuns({ ...filterOf(rest), status: "failed", limit: LETTERS, cursor });
  const letters = await Promise.all(page.runs.map((run) => letterOf(desk, run)));
  return json({ runs: letters, cursor: page.cursor });
};

async function letterOf({ client }: Desk, run: RunSummary) {
  const found = await client.get(run.runId);
  const nodes = Array.from(found?.details?.nodes ?? []);
  return {
    ...run,
    error: shownError(found?.error),
    failed: nodes.filter(([, { status }]) => status === "failed").map(([name]) => name),
  };
}

function descriptionOf(workflow: object): string | undefined {
  const { description } = workflow as { description?: unknown };
  return typeof description === "string" ? description : undefined;
}
