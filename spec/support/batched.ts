/** Maps whose items go to worker threads several at a time. Workers import them. */
import { appendFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { Dag, map, node, PauseRun, type Context, type Item } from "dagwright";

const list = (size: number) => Array.from({ length: size }, (_, i) => i);

export const counted = (batch: number | undefined, options = {}, name = `counted ${batch}`): Dag<any> => {
  const dag = new Dag<any>(name, { module: import.meta.url });
  dag.node("list", { backend: "inline" }, (size: number) => list(size));
  dag.map("out", { needs: ["list"], batch, ...options }, (n: number) => 2 * n);
  return dag;
};
export const alone = counted(1);
export const together = counted(100);
export const adaptive = counted(undefined);
export const two = counted(50, { concurrency: 2 }, "two");

/** Items that write their calls to a file, and do what their text says. */
export const acting = new Dag<any>("acting");
acting.node("acts", { backend: "inline" }, (acts: string[]) => acts);
acting.map(
  "out",
  { needs: ["acts"], batch: 20, onItemError: "settle", timeout: 2000, retry: { retries: 1, delay: 0 } },
  async (act: string, calls: string, ctx: Context) => {
    appendFileSync(calls, `${ctx.item!.index}\n`);
    ctx.metrics[`item ${ctx.item!.index}`] = ctx.attempt;
    if (act === "throw") throw new Error("thrown");
    if (act === "throw once" && ctx.attempt === 1) throw new Error("once");
    if (act === "exit") process.exit(3);
    if (act === "exit once" && ctx.attempt === 1) process.exit(3);
    if (act === "spin") for (;;);
    if (act === "fn") return () => 1;
    if (act === "pause") throw new PauseRun("which?");
    if (act === "wait") await new Promise((resolve) => setTimeout(resolve, 100));
    if (act === "buffer") return new Float64Array(20_000).fill(ctx.item!.index);
    return `${act} ${ctx.item!.index}`;
  },
);

export const threads = new Dag<any>("threads");
threads.node("list", { backend: "inline" }, () => list(200));
threads.map("out", { needs: ["list"], batch: 100 }, () => {
  const end = performance.now() + 1;
  while (performance.now() < end);
  return threadId;
});

class Batched {
  @node({ backend: "inline" }) list() {
    return list(10);
  }
  @map("list", { batch: 4 }) out(n: Item<number>) {
    return n + 1;
  }
}
export const batched = Dag.from(Batched);
