import { LONGEST_TIMER } from "../../base/alarm.js";
import { checkDuration, checkNumber, checkOptions, checkType } from "../../base/check.js";
import { cores } from "../../base/cores.js";
import type { ThreadOptions } from "./worker-thread.js";

/** The options of a {@link ThreadPool}. */
export interface ThreadPoolOptions {
  /** How many threads there may be. @defaultValue the machine's available parallelism */
  maxWorkers?: number | undefined;
  /** How long an idle thread is kept, in ms. @defaultValue 10 000 */
  idleTimeout?: number | undefined;
  /** The memory a thread may use, in MiB, each at least 1, as for Node's `Worker`. @defaultValue Node's own */
  resourceLimits?:
    | {
        readonly maxOldGenerationSizeMb?: number | undefined;
        readonly maxYoungGenerationSizeMb?: number | undefined;
        readonly codeRangeSizeMb?: number | undefined;
        readonly stackSizeMb?: number | undefined;
      }
    | undefined;
}

const IDLE_TIMEOUT = 10_000;
const LIMITS = ["maxOldGenerationSizeMb", "maxYoungGenerationSizeMb", "codeRangeSizeMb", "stackSizeMb"] as const;
/** In MiB. Too little for a worker to start, which is an error; with less Node 22 ends the whole process. */
const LEAST_MEMORY = 3;

/** How many threads a pool may have, and what each is made with. Throws as the pool's constructor. */
export function poolOptions(options: ThreadPoolOptions): {
  readonly maxWorkers: number;
  readonly thread: ThreadOptions;
} {
  checkOptions(options, ["maxWorkers", "idleTimeout", "resourceLimits"], "a ThreadPool");
  const { maxWorkers = cores(), idleTimeout = IDLE_TIMEOUT } = options;
  checkWorkers(maxWorkers);
  checkDuration("idleTimeout", idleTimeout, 0, LONGEST_TIMER);
  return { maxWorkers, thread: { idleTimeout, resourceLimits: resourceLimits(options.resourceLimits) } };
}

function resourceLimits(limits: ThreadPoolOptions["resourceLimits"]): ThreadPoolOptions["resourceLimits"] {
  if (limits === undefined) return undefined;
  checkType("resourceLimits", limits, "object");
  checkOptions(limits, LIMITS, "resourceLimits");
  // With less of a stack than that Node ends the whole process.
  for (const limit of LIMITS) checkNumber(`resourceLimits.${limit}`, limits[limit], { min: 1 });
  const { maxOldGenerationSizeMb = Infinity } = limits;
  return maxOldGenerationSizeMb < LEAST_MEMORY ? { ...limits, maxOldGenerationSizeMb: LEAST_MEMORY } : limits;
}

/** @throws {TypeError} | {RangeError} unless it is undefined or a whole number from 1 */
export function checkWorkers(maxWorkers: unknown): void {
  checkNumber("maxWorkers", maxWorkers, { min: 1, max: 1024, integer: true });
}
