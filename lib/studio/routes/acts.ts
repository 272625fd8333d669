import {
  checkArray,
  checkNonEmptyString,
  checkOptions,
  checkRecord,
  requireOptions,
  type Rules,
} from "../../base/check.js";
import type { Client } from "../../service.js";
import { json, Refusal } from "../answer.js";
import { commandOf, type Act, type ScheduleVerb } from "../commands.js";
import type { Asked, Desk, Route } from "../desk.js";
import { bodyOf } from "../request-body.js";
import { missing } from "./run.js";

type Values = Readonly<Record<string, unknown>>;

interface StartBody {
  readonly workflow: string;
  readonly inputs?: Values;
  readonly key?: string;
}

const START: Rules<StartBody> = { workflow: checkNonEmptyString, inputs: checkRecord, key: checkNonEmptyString };

/** `POST /api/runs`: submits a run. */
export const startRun: Route = async (desk, asked) => {
  const body = await checkedBody(desk, asked, START, "a start");
  requireOptions(body, ["workflow"], START);
  const { workflow, inputs = {}, key } = body;
  const run = await desk.client.submit(workflow, key === undefined ? { inputs } : { inputs, key });
  return done(desk, { kind: "start", workflow, inputs, key }, { runId: run.runId, isNew: run.isNew }, 201);
};

interface ResumeBody {
  readonly provide?: Values;
}

/** `POST /api/runs/:id/resume`: goes on, with results for nodes that paused it. */
export const resumeRun: Route = async (desk, asked) => {
  const [runId] = asked.parts;
  const { provide } = await checkedBody<ResumeBody>(desk, asked, { provide: checkRecord }, "resume");
  const workflow = await workflowOf(desk, runId);
  await desk.client.resume(runId, provide === undefined ? {} : { provide });
  return done(desk, { kind: "resume", runId, workflow, provide });
};

interface CancelBody {
  readonly reason?: string;
}

/** `POST /api/runs/:id/cancel`. */
export const cancelRun: Route = async (desk, asked) => {
  const [runId] = asked.parts;
  const { reason } = await checkedBody<CancelBody>(desk, asked, { reason: checkNonEmptyString }, "cancel");
  await desk.client.cancel(runId, reason);
  return done(desk, { kind: "cancel", runId, reason });
};

/** `POST /api/runs/:id/pause` and `/delete`. */
export const pauseRun: Route = (desk, asked) => plainly(desk, asked, "pause", (client, runId) => client.pause(runId));
export const deleteRun: Route = (desk, asked) =>
  plainly(desk, asked, "delete", (client, runId) => client.delete(runId));

async function plainly(
  desk: Desk,
  asked: Asked,
  kind: "pause" | "delete",
  work: (client: Client, runId: string) => Promise<void>,
): Promise<Response> {
  const [runId] = asked.parts;
  await checkedBody(desk, asked, {}, kind);
  await work(desk.client, runId);
  return done(desk, { kind, runId });
}

interface ReplayBody {
  readonly rerun: readonly string[];
  readonly only?: boolean;
}

const REPLAY: Rules<ReplayBody> = { rerun: checkNames, only: "boolean" };

/** `POST /api/runs/:id/replay`: submits a new run that runs some nodes again. */
export const replayRun: Route = async (desk, asked) => {
  const [runId] = asked.parts;
  const body = await checkedBody(desk, asked, REPLAY, "replay");
  requireOptions(body, ["rerun"], REPLAY);
  const { rerun, only } = body;
  const workflow = await workflowOf(desk, runId);
  const run = await desk.client.replay(runId, only === undefined ? { rerun } : { rerun, only });
  return done(desk, { kind: "replay", runId, workflow, rerun, only }, { runId: run.runId }, 201);
};

interface SendBody {
  readonly event: string;
  readonly payload?: unknown;
  readonly key?: string;
}

const SEND: Rules<SendBody> = { event: checkNonEmptyString, payload: "any", key: checkNonEmptyString };

/** `POST /api/runs/:id/send`: sends an event. */
export const sendEvent: Route = async (desk, asked) => {
  const [runId] = asked.parts;
  const body = await checkedBody(desk, asked, SEND, "send");
  requireOptions(body, ["event"], SEND);
  const { event, payload, key } = body;
  await desk.client.send(runId, event, payload, key === undefined ? {} : { key });
  return done(desk, { kind: "send", runId, event, payload, key });
};

const VERBS: Readonly<Record<ScheduleVerb, (client: Client, name: string) => Promise<string | undefined>>> = {
  trigger: async (client, name) => (await client.trigger(name)).runId,
  pause: async (client, name) => void (await client.pauseSchedule(name)),
  resume: async (client, name) => void (await client.resumeSchedule(name)),
  remove: async (client, name) => void (await client.unschedule(name)),
};

/** `POST /api/schedules/:name/:verb`. */
export const actOnSchedule: Route = async (desk, asked) => {
  const [name, verb] = asked.parts;
  if (!Object.hasOwn(VERBS, verb)) throw new Refusal(404, "NOT_FOUND", `There is no act ${JSON.stringify(verb)}.`);
  await checkedBody(desk, asked, {}, verb);
  const runId = await VERBS[verb as ScheduleVerb](desk.client, name);
  return done(desk, { kind: "schedule", verb: verb as ScheduleVerb, name }, runId === undefined ? {} : { runId });
};

async function checkedBody<B>({ isReadOnly }: Desk, { request }: Asked, rules: Rules<B>, owner: string): Promise<B> {
  if (isReadOnly) throw new Refusal(403, "READ_ONLY", "This studio only shows. Start one without read-only to act.");
  const body = await bodyOf(request);
  checkOptions(body, rules, owner);
  return body as B;
}

/** @throws {TypeError} | {RangeError} unless it lists names */
function checkNames(option: Parameters<typeof checkArray>[0], names: unknown): void {
  checkArray(option, names);
  for (const name of names) checkNonEmptyString(option, name);
}

async function workflowOf({ client }: Desk, runId: string): Promise<string> {
  const run = await client.get(runId);
  if (run === undefined) throw missing(runId);
  return run.workflow ?? "";
}

/** What was done, and the command line that does the same. */
function done({ place }: Desk, act: Act, facts: object = {}, status = 200): Response {
  return json({ ...facts, command: commandOf(act, place) }, status);
}
