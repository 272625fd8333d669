/** Why a task gets no answer. */
import { brand } from "../../base/brand.js";
import { messageOf } from "../../base/message.js";

/** The caller aborted the task. */
export class TaskAborted extends Error {}

/** A worker could not start, so nothing was executed. */
export class StartError extends Error {
  static {
    brand(this, "StartError");
  }

  constructor(cause: unknown) {
    super(`a worker could not start: ${messageOf(cause)}`, { cause });
  }
}

/** A worker did not start in time. */
export class StartTimeout extends Error {
  constructor(ms: number) {
    super(`it took more than ${ms / 1000} s`);
  }
}

/** A worker exited by itself. */
export class WorkerExit extends Error {
  static {
    brand(this, "WorkerExit");
  }

  constructor(readonly exitCode: number) {
    super(`it exited with code ${exitCode}`);
  }
}

/** A worker is unusable: it reports a problem, or its messages are malformed. */
export class BrokenWorker extends Error {}

/** A message has none of the shapes that workers send. */
export const MALFORMED = "it sent a malformed message, as when code on its thread changes globals";
