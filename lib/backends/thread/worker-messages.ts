/** Checks workers' messages, since user code on their threads can change anything it reaches. */
import { types } from "node:util";
import type { LogLine } from "../../run/events.js";
import { logLine } from "../../run/log-line.js";
import type { EncodedError, EncodedThrown } from "../../base/error-codec.js";
import { BrokenWorker, MALFORMED } from "./thread-errors.js";
import type {
  CallTask,
  Completed,
  ProbeAnswer,
  ProbeTask,
  Progress,
  StrayError,
  TaskMessage,
} from "./thread-protocol.js";

/** The message about a running task; undefined if it is another message, or malformed. */
export function taskMessageIn(message: unknown): TaskMessage | undefined {
  if (!isRecord(message)) return undefined;
  if (message.started === true) return { started: true };
  if ("log" in message) return lineIn(message.log);
  return "progress" in message && isProgress(message.progress) ? { progress: message.progress } : undefined;
}

/** Whether a node completed. */
export function isCompleted(answer: unknown): answer is Completed {
  if (!Array.isArray(answer) || answer.length === 0) return false;
  const [, metadata, metrics, instances] = answer as unknown[];
  const isMetric = ([, value]: [string, unknown]) => Number.isFinite(value);
  if (!isEntries(instances) || instances?.every(([, value]) => isObject(value)) === false) return false;
  return isEntries(metadata) && isEntries(metrics) && (metrics === undefined || metrics.every(isMetric));
}

/** The problem that a worker reports. */
export function problemIn(message: unknown): BrokenWorker | undefined {
  return isRecord(message) && typeof message.problem === "string" ? new BrokenWorker(message.problem) : undefined;
}

/** The answer to a call of a trip. */
export function answerIn(message: unknown): { readonly answer: unknown } | undefined {
  return isRecord(message) && "answer" in message ? { answer: message.answer } : undefined;
}

export function strayErrorIn(message: unknown): StrayError | undefined {
  if (!isRecord(message)) return undefined;
  const { strayError, by } = message;
  return typeof strayError === "string" && typeof by === "string" ? { strayError, by } : undefined;
}

/** The module that a worker reports as loaded. */
export function loadedIn(message: unknown): string | undefined {
  return isRecord(message) && typeof message.loaded === "string" ? message.loaded : undefined;
}

/** Why an answer to a task is unusable: the worker reports a problem, or the answer is malformed. */
export function problemWith(task: ProbeTask | CallTask, answer: unknown): BrokenWorker | undefined {
  const problem = problemIn(answer);
  if (problem !== undefined) return problem;
  const isAnswer = "op" in task ? isProbeAnswer(answer, task.nodes.length) : isCallAnswer(answer);
  return isAnswer ? undefined : new BrokenWorker(MALFORMED);
}

function isCallAnswer(answer: unknown): boolean {
  if (isCompleted(answer)) return true;
  if (!isRecord(answer)) return false;
  if ("thrown" in answer) return isThrown(answer.thrown);
  return typeof answer.uncloneable === "string" || typeof answer.missing === "string";
}

export function isProbeAnswer(answer: unknown, nodes: number): answer is ProbeAnswer {
  if (!Array.isArray(answer) || answer.length !== nodes) return false;
  return answer.every((reason) => reason === undefined || typeof reason === "string");
}

function isProgress(value: unknown): value is Progress {
  if (!Array.isArray(value)) return false;
  const [fraction, message] = value as unknown[];
  if (message !== undefined && typeof message !== "string") return false;
  return typeof fraction === "number" && fraction >= 0 && fraction <= 1;
}

function lineIn(line: unknown): TaskMessage | undefined {
  if (!isRecord(line) || typeof line.message !== "string") return undefined;
  try {
    return { log: logLine(line.message, line.fields as LogLine["fields"], line.level as LogLine["level"]) };
  } catch {
    return undefined;
  }
}

function isEntries(value: unknown): value is [string, unknown][] | undefined {
  if (value === undefined) return true;
  return Array.isArray(value) && value.every((entry) => Array.isArray(entry) && typeof entry[0] === "string");
}

function isThrown(value: unknown): value is EncodedThrown {
  return isRecord(value) && "value" in value && Array.isArray(value.errors) && value.errors.every(isEncodedError);
}

function isEncodedError(value: unknown): value is EncodedError {
  if (!isRecord(value)) return false;
  const { bare, name, type, hidden, own } = value;
  const isNamed = types.isNativeError(bare) && typeof name === "string" && typeof type === "string";
  return isNamed && Array.isArray(hidden) && isEntries(hidden) && Array.isArray(own) && isEntries(own);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !Array.isArray(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
