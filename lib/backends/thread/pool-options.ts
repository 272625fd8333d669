import { MAX_TIMEOUT } from "../../base/timer.js";
import { checkDuration, checkOptions, checkType, number, type Rules } from "../../base/check.js";
import { cores } from "../../base/cores.js";
import type { ThreadOptions } from "./worker-thread.js";

/** The options of a {@link ThreadPool}. */
export interface ThreadPoolOptions {
  /** The maximum number of threads. @defaultValue the machine's available parallelism */
  maxWorkers?: number | undefined;
  /** How long an idle thread is kept, in ms. @defaultValue 10 000 */
  idleTimeout?: number | undefined;
  /** The memory limits of a thread, in MiB, each at least 1; see Node's `Worker`. @defaultValue Node's own */
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
/** In MiB. With this little, a worker fails to start, which is an error; with less, Node 22 ends the whole process. */
const LEAST_MEMORY = 3;

export const MAX_WORKERS = number({ min: 1, max: 1024, integer: true });

// Node ends the whole process when a thread's stack is smaller than 1 MiB.
const MEMORY = number({ min: 1 });

const LIMIT_RULES: Rules<NonNullable<ThreadPoolOptions["resourceLimits"]>> = {
  maxOldGenerationSizeMb: MEMORY,
  maxYoungGenerationSizeMb: MEMORY,
  codeRangeSizeMb: MEMORY,
  stackSizeMb: MEMORY,
};

const RULES: Rules<ThreadPoolOptions> = {
  maxWorkers: MAX_WORKERS,
  idleTimeout: (option, time) => checkDuration(option, time, 0, MAX_TIMEOUT),
  resourceLimits: (option, limits) => {
    checkType(option, limits, "object");
    checkOptions(limits, LIMIT_RULES, option);
  },
};

/** The maximum number of threads of a pool, and the options of each thread. Throws as the pool's constructor. */
export function poolOptions(options: ThreadPoolOptions): {
  readonly maxWorkers: number;
  readonly thread: ThreadOptions;
} {
  checkOptions(options, RULES, "a ThreadPool");
  const { maxWorkers = cores(), idleTimeout = IDLE_TIMEOUT } = options;
  return { maxWorkers, thread: { idleTimeout, resourceLimits: resourceLimits(options.resourceLimits) } };
}

function resourceLimits(limits: ThreadPoolOptions["resourceLimits"]): ThreadPoolOptions["resourceLimits"] {
  if (limits === undefined) return undefined;
  const { maxOldGenerationSizeMb = Infinity } = limits;
  return maxOldGenerationSizeMb < LEAST_MEMORY ? { ...limits, maxOldGenerationSizeMb: LEAST_MEMORY } : limits;
}
