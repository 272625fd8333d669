/**
 * A process to be killed: it drives a run of three levels, whose effects it appends to a ledger. Arguments: the
 * database, the ledger, the run's id, the mode.
 */
import { appendFileSync } from "node:fs";
import { Dag, Fsm, next, type Context, type FsmContext, type Mode } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { sleep } from "./waiting.js";

const [path, ledger, runId, mode] = process.argv.slice(2);

/** Returns a unique token, with those that it took. */
async function effect(ctx: Context | FsmContext, ...took: string[]): Promise<string> {
  const token = `${Math.random().toString(36).slice(2)}(${took.join(" ")})`;
  appendFileSync(ledger, `${ctx.runId} ${ctx.nodeName} ${token.split("(")[0]}\n`);
  await sleep(2);
  return token;
}

/** A chain of three nodes. */
function chain(name: string): Dag<any> {
  const dag = new Dag<any>(name);
  dag.node("a", (input: string, ctx: Context) => effect(ctx, input));
  dag.node("b", { needs: ["a"] }, (a: string, ctx: Context) => effect(ctx, a));
  dag.node("c", { needs: ["b"] }, (b: string, ctx: Context) => effect(ctx, b));
  return dag;
}

function nested(): Dag<any> {
  const loop = new Fsm<any>("loop");
  loop.state("step", { initial: true, to: ["step", "end"] }, async (input: string, ctx: FsmContext) => {
    const token = await effect(ctx, input);
    return next(ctx.cycle < 3 ? "step" : "end", token);
  });
  loop.state("end", { terminal: true }, chain("last"));
  const middle = new Dag<any>("middle");
  middle.node("first", chain("low"));
  middle.node("loop", { needs: ["first"] }, loop);
  const top = new Dag<any>("top");
  top.node("begin", (ctx: Context) => effect(ctx, "-"));
  top.node("middle", { needs: ["begin"] }, middle);
  top.node("calls", { needs: ["begin"] }, async (begin: string, ctx: Context) => {
    const runs = [0, 1, 2].map((key) => ctx.run(chain("called"), { inputs: { input: begin }, key }));
    return (await Promise.all(runs)).map((run) => run.value as string).join(" ");
  });
  top.node("end", { needs: ["middle", "calls"] }, (middle: string, calls: string, ctx: Context) =>
    effect(ctx, middle, calls),
  );
  return top;
}

const store = sqliteStore(path, { lease: 20 });
const options = { store, mode: mode as Mode };
process.stdout.write("ready\n");
const run = await nested()
  .resume(runId, options)
  .catch((error: { code?: string }) => {
    if (error.code !== "NOT_FOUND") throw error;
    return nested().run({ ...options, runId });
  });
process.stdout.write(`${JSON.stringify({ status: run.status, value: run.value, low: run.get("middle.first.a") })}\n`);
await store.close();
