/** Compile-time checks of the builder, whose types flow from handle to handle. */
import { Dag, decide, optional, route, type Context } from "dagwright";

const dag = new Dag("typed");
const fetch = dag.node("fetch", () => [1, 2, 3]);
const object = dag.node("object", async () => ({ rows: ["a"], count: 1 }));
const total = dag.node("total", { needs: [fetch] }, (xs) => xs.length);
dag.node("withContext", { needs: [fetch, total] }, (xs, n, ctx: Context) => [xs.at(n), ctx.nodeName]);
dag.node("output", { needs: [object.output("rows")] }, (rows) => rows.join());
dag.node("maybe", { needs: [optional(total)] }, (n) => (n ?? 0) + 1);
const isBig = dag.condition("isBig", { needs: [total] }, (n) => n > 1);
dag.node("big", { needs: [isBig.onTrue] }, (n) => n.toFixed());
const decided = dag.condition("decided", { needs: [total] }, (n) => decide(n > 1, String(n)));
dag.node("text", { needs: [decided.onFalse] }, (text) => text.trim());
const routed = dag.select("routed", { needs: [total] }, (n) => route("x", [n]));
dag.node("list", { needs: [routed.branch("x")] }, (list) => list.length);
dag.all("record", { needs: [fetch, total] }, (r) => r.fetch.length + r.total);
dag.all("positional", { needs: [fetch, total] }, (xs: number[], n: number) => xs.length + n);
dag.any("winner", { needs: [total, fetch] }, (x) => (typeof x === "number" ? x : x.length));
dag.any("firsts", { needs: [total, fetch] }, (n?: number, xs?: number[]) => n ?? xs?.length);
dag.any("trigger", { needs: [total] }, (n: number, ctx: Context) => [n.toFixed(), ctx.trigger]);
dag.cachedNode("cached", { needs: [fetch], ttl: 1000 }, (xs) => xs.length);

// @ts-expect-error the value of the need is number[], the parameter is string
dag.node("e1", { needs: [fetch] }, (xs: string) => xs);
// @ts-expect-error number[] has no trim
dag.node("e2", { needs: [fetch] }, (xs) => xs.trim());
// @ts-expect-error the result has no output "nope"
object.output("nope");
// @ts-expect-error an optional need may be undefined
dag.node("e3", { needs: [optional(total)] }, (n: number) => n);
// @ts-expect-error a condition returns a boolean or decide(…)
dag.condition("e4", { needs: [total] }, (n) => n);
// @ts-expect-error the record has "fetch" and "total"
dag.all("e5", { needs: [fetch, total] }, (r: { other: number }) => r);
// @ts-expect-error the values may be undefined
dag.any("e6", { needs: [total, fetch] }, (n: number, xs: number[]) => [n, xs]);
// @ts-expect-error there is no option "retrys"
dag.node("e7", { retrys: 1 }, () => 1);

export async function results(): Promise<void> {
  const run = await dag.run();
  const n: number = run.get(total);
  const xs: number[] = run.get(fetch);
  // @ts-expect-error the result is a number
  const wrong: string = run.get(total);
  void [n, xs, wrong];
}
