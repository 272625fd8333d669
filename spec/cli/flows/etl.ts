/** A workflow that its module runs itself. */
import { isMainThread } from "node:worker_threads";
import { type Context, Dag, node, workflow } from "dagwright";

@workflow({ name: "etl" })
export class Etl {
  @node load(url: string, ctx: Context): string {
    ctx.log(`from ${url}`);
    console.log("said by a node");
    return url;
  }
  @node("load") length(text: string): number {
    return text.length;
  }
  @node("load") thread(_: string, limit = 3): { limit: number; isMainThread: boolean } {
    console.log("said by a thread");
    return { limit, isMainThread };
  }
  @node("length", "thread") report(length: number, thread: object): object {
    return { length, ...thread };
  }
}

console.log("imported");
await Dag.from(Etl).run({ inputs: { url: "never" } });
console.log("ran by itself");
