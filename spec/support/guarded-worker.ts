/** A process that works for a queue: `guarded-worker.ts <options as JSON>`. Tells "ready", and "closed" after SIGTERM. */
import { worker, type BullmqConnection } from "dagwright/bullmq";
import { guarded, outdated, poisonous } from "./guarded.js";

export interface GuardedWorkerOptions {
  readonly connection: BullmqConnection;
  readonly queue: string;
  readonly prefix?: string;
  readonly lease: number;
  /** Whether it has the code of yesterday. */
  readonly isOutdated?: boolean;
}

const { isOutdated = false, ...options } = JSON.parse(process.argv[2]) as GuardedWorkerOptions;
const made = worker({ ...options, workflows: isOutdated ? [outdated] : [guarded, poisonous], concurrency: 4 });
await made.ready();
process.stdout.write("ready\n");
process.once("SIGTERM", () => void made.close({ grace: 60_000 }).then(() => process.stdout.write("closed\n")));
