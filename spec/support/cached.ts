import { Dag, type CacheOptions, type Context } from "dagwright";
import { outcome, sleep } from "./fake-time.js";

/** A dag of one cached node `a(x, y)`, which records its calls. */
export function cached(options: CacheOptions = {}, ms = 0) {
  const dag = new Dag("cached");
  const calls: unknown[][] = [];
  const behave = { fails: false };
  dag.cachedNode("a", options, async (x: unknown, y: unknown = undefined, ctx: Context) => {
    void ctx.runId;
    calls.push([x, y]);
    const call = calls.length;
    if (ms > 0) await sleep(ms);
    if (behave.fails) throw new Error("no");
    return `call ${call}`;
  });
  const ask = async (x?: unknown, y?: unknown) => (await outcome(dag.run({ inputs: { x, y } }))).value;
  return { dag, calls, behave, ask };
}
