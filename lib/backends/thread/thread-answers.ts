/** Checks of what a worker says: code of users runs there too, and can change whatever it reaches. */
import { types } from "node:util";
import type { EncodedError, EncodedThrown } from "../../base/error-codec.js";
import { BrokenThread, UNREADABLE } from "./thread-faults.js";
import type { CallTask, Completed, LeftBehind, Notice, ProbeAnswer, ProbeTask, Progress } from "./thread-protocol.js";

/** The notice that a message is; undefined when it is an answer. A notice of no known shape tells nothing. */
export function noticeIn(message: unknown): Notice | undefined {
  if (!isRecord(message)) return undefined;
  if (message.began === true) return { began: true };
  return "progress" in message && isProgress(message.progress) ? { progress: message.progress } : undefined;
}

/** Whether a node completed. */
export function isCompleted(answer: unknown): answer is Completed {
  if (!Array.isArray(answer) || answer.length === 0) return false;
  const [, metadata, metrics] = answer as unknown[];
  const isFigure = ([, figure]: [string, unknown]) => Number.isFinite(figure);
  return isEntries(metadata) && isEntries(metrics) && (metrics === undefined || metrics.every(isFigure));
}

/** What is wrong with a worker, by its own account. */
export function problemIn(message: unknown): BrokenThread | undefined {
  return isRecord(message) && typeof message.problem === "string" ? new BrokenThread(message.problem) : undefined;
}

/** What a task that is over has left behind, as the worker says. */
export function leftBehindIn(message: unknown): LeftBehind | undefined {
  if (!isRecord(message)) return undefined;
  const { leftBehind, by } = message;
  return typeof leftBehind === "string" && typeof by === "string" ? { leftBehind, by } : undefined;
}

/** The module that, as a worker says, it has loaded. */
export function loadedIn(message: unknown): string | undefined {
  return isRecord(message) && typeof message.loaded === "string" ? message.loaded : undefined;
}

/** What is wrong with an answer to this task, or with the worker by its own account. */
export function faultIn(task: ProbeTask | CallTask, answer: unknown): BrokenThread | undefined {
  const problem = problemIn(answer);
  if (problem !== undefined) return problem;
  const isAnswer = "op" in task ? isProbeAnswer(answer, task.nodes.length) : isCallAnswer(answer);
  if (isAnswer) return undefined;
  return new BrokenThread(UNREADABLE);
}

function isCallAnswer(answer: unknown): boolean {
  if (isCompleted(answer)) return true;
  if (!isRecord(answer)) return false;
  if ("thrown" in answer) return isThrown(answer.thrown);
  return typeof answer.uncloneable === "string" || typeof answer.missing === "string";
}

/** Also what the worker of `probe-sync.ts` says. */
export function isProbeAnswer(answer: unknown, nodes: number): answer is ProbeAnswer {
  if (!Array.isArray(answer) || answer.length !== nodes) return false;
  return answer.every((reason) => reason === undefined || typeof reason === "string");
}

function isProgress(value: unknown): value is Progress {
  if (!Array.isArray(value)) return false;
  const [fraction, message] = value as unknown[];
  if (message !== undefined && typeof message !== "string") return false;
  return fraction === undefined || (typeof fraction === "number" && fraction >= 0 && fraction <= 1);
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
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
