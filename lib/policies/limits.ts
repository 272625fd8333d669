import { KeyedSemaphore } from "./keyed-semaphore.js";
import { PolicyRegistry } from "./policy-registry.js";
import { Throttle } from "./throttle.js";

/** Limits shared by several runs. */
export class Limits {
  readonly concurrencyKeys = new KeyedSemaphore();
  readonly throttles = new PolicyRegistry(() => new Throttle());
}

/** The limits of all runs in this process without a scheduler. Each scheduler has its own. */
export const processLimits = new Limits();
