/**
 * A process that serves a store until it is killed. Arguments: the database (a Postgres address or a path), a file to
 * which nodes append what they do, the task; and perhaps options of bullmq(), as JSON. Prints "ready" when the service
 * has started.
 */
import { appendFileSync } from "node:fs";
import { bullmq, type BullmqOptions } from "../../lib/bullmq.js";
import { Dag, type Context } from "../../lib/index.js";
import { Client, Service } from "../../lib/service.js";
import { postgresStore, sqliteStore } from "../../lib/store.js";
import { sleep } from "./waiting.js";

const [database, ledger, task, queueOptions] = process.argv.slice(2);

/** Three nodes, which take a moment each. */
export function steady(note: (text: string) => void = () => {}): Dag<any> {
  const dag = new Dag<any>("steady");
  const step = async (ctx: Context) => {
    note(`${ctx.runId} ${ctx.nodeName} ${ctx.attempt}`);
    await sleep(10);
    return ctx.runId;
  };
  dag.node("a", step);
  dag.node("b", { needs: ["a"], params: ["a", "ctx"] }, (_: string, ctx: Context) => step(ctx));
  dag.node("c", { needs: ["b"], params: ["b", "ctx"] }, (_: string, ctx: Context) => step(ctx));
  return dag;
}

/** A node that ends its process. */
export function deadly(note: (text: string) => void = () => {}): Dag<any> {
  const dag = new Dag<any>("deadly");
  dag.node("a", async (ctx: Context) => {
    note(`${ctx.runId} a ${ctx.attempt}`);
    await sleep(1);
    process.kill(process.pid, "SIGKILL");
    await sleep(60_000);
  });
  return dag;
}

/** A node that takes long enough to be asked to end. */
export function slow(note: (text: string) => void = () => {}): Dag<any> {
  const dag = new Dag<any>("slow");
  dag.node("a", async (ctx: Context) => {
    note(`${ctx.runId} a ${ctx.attempt}`);
    await sleep(300);
    return "done";
  });
  return dag;
}

/** A node that is not done before its process has died. */
export function stuck(note: (text: string) => void = () => {}, isStuck = true): Dag<any> {
  const dag = new Dag<any>("stuck");
  dag.node("a", async (ctx: Context) => {
    note(`${ctx.runId} a ${ctx.attempt}`);
    if (isStuck) await sleep(3_600_000);
    return "done";
  });
  return dag;
}

if (task !== undefined) {
  const store = database.startsWith("postgres")
    ? postgresStore(database, { lease: 1500 })
    : sqliteStore(database, { lease: 1500 });
  const note = (text: string) => appendFileSync(ledger, `${text}\n`);
  const queue = queueOptions === undefined ? undefined : bullmq(JSON.parse(queueOptions) as BullmqOptions);
  const service = new Service({
    store,
    queue,
    workflows: [steady(note), deadly(note), slow(note), stuck(note)],
    pollInterval: 50,
    maxRecoveries: task === "give up" ? 2 : 1000,
    signals: task === "signals" || (task === "impatient" && { grace: 50 }),
  });
  await service.start();
  process.stdout.write("ready\n");
  if (task === "idle") await new Client({ store, queue }).list();
  else if (task === "submit") await new Client({ store, queue }).submit("slow", { delay: 60_000 });
  else setInterval(() => {}, 1000);
}
