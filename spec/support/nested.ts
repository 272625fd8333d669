/** Workflows in workflows, whose nodes run on worker threads. Workers import them. */
import { Dag, node, subworkflow, workflow, type Context } from "dagwright";
import { where } from "./threaded.js";

@workflow({ name: "inner" })
export class Inner {
  @node first(n: number) {
    return { n: n + 1, ...where() };
  }
  @node("first") second(first: { n: number }) {
    return first.n * 10;
  }
}

@workflow({ name: "outer" })
export class Outer {
  @node begin() {
    return 1;
  }
  @node("begin") left = subworkflow(Inner);
  @node("begin") right = subworkflow(Inner, { output: "second" });
  @node("left", "right", "left.first") end(left: number, right: number, first: { isMainThread: boolean }) {
    return [left, right, first.isMainThread, where().isMainThread];
  }
  @node({ needs: ["begin"], backend: "inline" }) async calls(begin: number, ctx: Context) {
    const runs = [0, 1, 2].map(() => ctx.run(Dag.from(Inner), { inputs: { n: begin } }));
    return (await Promise.all(runs)).map((run) => run.get("first").isMainThread);
  }
}

export const refused = new Dag<any>("refused");
refused.node("calls", (ctx: Context) => ctx.run(Dag.from(Inner), { inputs: { n: 1 } }));

/** A node that blocks its thread until it is killed, inside of a workflow. */
const blocking = new Dag<any>("blocking");
blocking.node("spin", () => {
  for (;;);
});
export const stopped = new Dag<any>("stopped");
stopped.node("inner", { timeout: 300, fallback: "stopped" }, blocking);
stopped.node("later", { needs: ["inner"] }, (text: string) => text.toUpperCase());
