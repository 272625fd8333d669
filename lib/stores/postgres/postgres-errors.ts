import { DagwrightError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import type { Failure } from "../database/retry.js";

/**
 * The server's error codes: two characters for the class, three for the condition, see "PostgreSQL Error Codes" in its
 * manual.
 */
const CODE = /^[0-9A-Z]{5}$/u;

/**
 * Deadlocks, serialization failures, server-side timeouts, and a server that starts, stops or has no connections left.
 */
const TRANSIENT = /^(?:40001|40P01|55P03|57014|57P0[1-35]|53300|25P03)$/u;

/**
 * Errors of the server rather than the statement: it refuses connections, is read-only, has no disk space or resources
 * left, was told to stop, or has a system error. Out of memory is not among them, since the data may be too large.
 */
const UNFIT = /^(?:25006|28...|3D...|53[134]..|57...|58...)$/u;

/** No connection could be made, so nothing was sent: system error codes, and messages of pg. */
const UNSENT = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/u;
const UNSENT_TEXT =
  /timeout exceeded when trying to connect|terminated due to connection timeout|^timeout expired$|is not queryable/u;

const DISCONNECTED = /^(?:ECONNRESET|EPIPE|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|ENETDOWN|08...)$/u;
const DISCONNECTED_TEXT = /Connection terminated/u;

const TIMEOUT = "ETIMEDOUT";
const TIMEOUT_TEXT = /Query read timeout/u;

interface SystemError {
  readonly code: string;
  readonly syscall: unknown;
}

function systemError(error: unknown): SystemError {
  const { code, syscall } = (error ?? {}) as Partial<SystemError>;
  return { code: typeof code === "string" ? code : "", syscall };
}

/** Whether the connection is still usable: the server reported the error, and keeps the connection open. */
export function leavesConnectionUsable(error: unknown): boolean {
  const { code, syscall } = systemError(error);
  return syscall === undefined && CODE.test(code) && !/^(?:57P|08|25P03)/u.test(code);
}

/** Classifies the error of a failed statement. */
export function classify(error: unknown): Failure {
  const { code, syscall } = systemError(error);
  const text = messageOf(error);
  if (error instanceof DagwrightError) return "fatal";
  // An AggregateError: connecting to each of the host's addresses failed.
  const isUnsent = syscall === "connect" || error instanceof AggregateError || UNSENT.test(code);
  if (TRANSIENT.test(code) || isUnsent || UNSENT_TEXT.test(text)) return "transient";
  if (DISCONNECTED.test(code) || DISCONNECTED_TEXT.test(text)) return "disconnected";
  if (code === TIMEOUT || TIMEOUT_TEXT.test(text)) return "timeout";
  return UNFIT.test(code) ? "fatal" : "rejected";
}
