/**
 * A process to be killed: it drives a run of 60 nodes, whose effects it appends to a ledger, or begins or recovers many
 * runs. Arguments: the task, the database, the ledger, the run's id (or "wait" for a recovery that waits), the mode.
 */
import { appendFileSync } from "node:fs";
import { Dag, type Context, type Mode, type RunResult } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "./waiting.js";

const [task, path, ledger, runId, mode] = process.argv.slice(2);

/** The result of a node: a unique token, and the tokens that it took. */
export interface Effect {
  readonly token: string;
  readonly took: readonly string[];
}

const SIZE = 60;

function effect(ctx: Context, needs: readonly Effect[]): Effect {
  const token = `${ctx.nodeName}/${ctx.attempt}/${Math.random().toString(36).slice(2)}`;
  appendFileSync(ledger, `${ctx.runId} ${ctx.nodeName} ${token}\n`);
  return { token, took: needs.map((need) => need.token) };
}

/** Each node needs up to three earlier ones. Some take a while. */
function ladder(): Dag<any> {
  const dag = new Dag<any>("ladder");
  for (let i = 0; i < SIZE; i++) {
    const needs = Array.from(new Set([i - 1 - (i % 3), i >> 1, i - 7])).filter((need) => need >= 0 && need < i);
    const params = [...needs.map((need) => `x${need}`), "ctx"];
    dag.node(`n${i}`, { needs: needs.map((need) => `n${need}`), params }, (...args: unknown[]) => {
      const ctx = args.at(-1) as Context;
      const made = effect(ctx, args.slice(0, -1) as Effect[]);
      return i % 4 === 0 ? sleep(1).then(() => made) : made;
    });
  }
  return dag;
}

/** The first node completes at once, the second only at its second attempt. */
function stuck(): Dag<any> {
  const dag = new Dag<any>("stuck");
  dag.node("first", (ctx: Context) => effect(ctx, []));
  dag.node("second", { needs: ["first"] }, (first: Effect, ctx: Context) => {
    const made = effect(ctx, [first]);
    return ctx.attempt === 1 ? new Promise(() => {}) : sleep(2).then(() => made);
  });
  dag.node("third", { needs: ["second"] }, (second: Effect, ctx: Context) => effect(ctx, [second]));
  return dag;
}

const say = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`);

if (task === "drive") {
  const store = sqliteStore(path, { lease: 20 });
  const options = { store, mode: mode as Mode };
  say("ready");
  let run: RunResult<any>;
  try {
    run = await ladder().resume(runId, options);
  } catch (error) {
    if ((error as { code?: string }).code !== "NOT_FOUND") throw error;
    run = await ladder().run({ ...options, runId });
  }
  say({ status: run.status, results: run.results });
  await store.close();
} else if (task === "begin") {
  const store = sqliteStore(path, { lease: 300 });
  const runs = Array.from({ length: 50 }, (_, i) => stuck().run({ store, runId: `run ${i}`, mode: "async" }));
  void Promise.all(runs);
  setInterval(() => {}, 1000);
  say("ready");
} else if (task === "recover") {
  const store = sqliteStore(path, { lease: 5000 });
  say("ready");
  const runs = await stuck().recover({ store, wait: runId === "wait" });
  say(runs.map((run) => [run.runId, run.status]));
  await store.close();
}
