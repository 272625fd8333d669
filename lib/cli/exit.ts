import { StoreError, ValidationError, type RunStatus } from "../index.js";

/** What the command line was used for wrongly: an unknown file, workflow, input, id or store. */
export class UsageError extends Error {}

/** What went wrong, said on one line. Nothing more is known of it. */
export class Failure extends Error {}

/** Exit codes. */
export const Exit = { completed: 0, failed: 1, usage: 2, paused: 3, interrupted: 130, terminated: 143 } as const;

const UNKNOWN: ReadonlySet<string> = new Set(["NOT_FOUND", "RUN_EXISTS"]);

/** The exit code for an error. Options that the library refuses before anything runs are wrong usage. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return Exit.usage;
  if (error instanceof StoreError) return UNKNOWN.has(error.code) ? Exit.usage : Exit.failed;
  if (error instanceof ValidationError) return error.code === "MISSING_INPUT" ? Exit.usage : Exit.failed;
  return error instanceof TypeError || error instanceof RangeError ? Exit.usage : Exit.failed;
}

/** The exit code for the end of a run. */
export function exitCodeFor(status: RunStatus): number {
  switch (status) {
    case "completed":
      return Exit.completed;
    case "paused":
    case "waiting":
      return Exit.paused;
    default:
      return Exit.failed;
  }
}
