/** Why a job gets no answer. */
import { brand } from "../../base/brand.js";
import { messageOf } from "../../base/message.js";

/** What wanted it aborted. */
export class GivenUp extends Error {}

/** A worker says what no worker says. */
export const UNREADABLE = "it said what can't be read, as when a node changes what is global there";

/** A worker could not start, so that nothing was executed. */
export class StartFault extends Error {
  static {
    brand(this, "StartFault");
  }

  constructor(cause: unknown) {
    super(`a worker could not start: ${messageOf(cause)}`, { cause });
  }
}

/** A worker did not start in time. */
export class LateStart extends Error {
  constructor(ms: number) {
    super(`it took more than ${ms / 1000} s`);
  }
}

/** A worker exited by itself. */
export class ThreadExit extends Error {
  static {
    brand(this, "ThreadExit");
  }

  constructor(readonly exitCode: number) {
    super(`it exited with code ${exitCode}`);
  }
}

/** A worker's answer can't be read, or says that it failed itself. */
export class BrokenThread extends Error {}
