import { ConcurrencyGroups } from "./concurrency.js";
import { Shared } from "./shared.js";
import { Throttle } from "./throttle.js";

/** What nodes of several runs must keep to together. */
export class Limits {
  readonly concurrency = new ConcurrencyGroups();
  readonly throttles = new Shared(() => new Throttle());
}

/** Those of all runs in this process that have no scheduler with its own. */
export const processLimits = new Limits();
