/**
 * A process that drives a run until it is killed, or recovers runs. Arguments: the database (a Postgres address or a
 * path), the run's id, the task. Prints "driving" when the second node has started.
 */
import { Dag } from "../../lib/index.js";
import { postgresStore, sqliteStore } from "../../lib/store.js";

/** Two nodes. If `hangs`, the second one never ends. */
export function dying({ hangs = false } = {}): Dag<any> {
  const dag = new Dag<any>("dying");
  dag.node("first", () => 1);
  dag.node("second", { needs: ["first"] }, (first: number) => {
    if (!hangs) return first + 1;
    process.stdout.write("driving\n");
    return new Promise(() => {});
  });
  return dag;
}

const [database, runId, task] = process.argv.slice(2);
const openStore = () => (database.startsWith("postgres") ? postgresStore(database) : sqliteStore(database));

if (task === "drive") {
  void dying({ hangs: true }).run({ store: openStore(), runId });
  setInterval(() => {}, 1000);
} else if (task === "recover with a clock that is ahead") {
  const { now } = Date;
  Date.now = () => now() + 600_000;
  const store = openStore();
  const runs = await dying().recover({ store });
  process.stdout.write(`recovered ${runs.length}\n`);
  await store.close();
}
