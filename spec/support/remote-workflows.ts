/** Workflows whose nodes run on workers elsewhere. */
import { Dag, getContext, node, workflow, type Context } from "dagwright";

const messageOf = (work: () => unknown) => {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
};

export const remoteContexts = new Dag<any>("remoteContexts");
remoteContexts.node("facts", (limit: unknown, ctx: Context) => {
  const { runId, workflow, nodeName, attempt, idempotencyKey, inputs, metadata, signal } = ctx;
  (metadata.shared as { n: number }).n++;
  const ids = [runId, workflow, nodeName, attempt, idempotencyKey];
  return { ids, inputs, metadata, limit, aborted: signal.aborted };
});
remoteContexts.node("reports", (ctx: Context) => {
  ctx.progress(0.5, "half");
  ctx.log("a line", { at: new Date(0) }, "warn");
  ctx.progress(1);
  ctx.metrics.seen = 3;
});
remoteContexts.node("asks", (ctx: Context) => [
  messageOf(() => ctx.get("facts")),
  messageOf(() => ctx.has("facts")),
  messageOf(() => ctx.results),
  messageOf(() => ctx.run(remoteContexts)),
]);
remoteContexts.node("current", async () => {
  await new Promise((resolve) => setImmediate(resolve));
  return getContext()?.nodeName;
});

/** Counts its calls in fields, of which each run has its own. */
@workflow({ name: "counting" })
export class Counting {
  private calls = 0;

  @node first(): number {
    return ++this.calls;
  }
  @node("first") second(first: number): number[] {
    return [first, ++this.calls];
  }
}

/** Nodes that write what they do to a file. */
export const working = new Dag<any>("working");
working.node("note", async (file: string, ctx: Context) => {
  const { appendFileSync } = await import("node:fs");
  appendFileSync(file, `begun ${ctx.attempt} ${process.pid}\n`);
  if (ctx.attempt === 1) await new Promise(() => {});
  return ctx.attempt;
});
working.node("waits", (file: string, ctx: Context) => {
  return new Promise((_, reject) => {
    ctx.signal.addEventListener("abort", () => {
      void import("node:fs").then(({ appendFileSync }) => appendFileSync(file, `aborted ${process.pid}\n`));
      reject(new Error("aborted"));
    });
    void import("node:fs").then(({ appendFileSync }) => appendFileSync(file, `begun ${process.pid}\n`));
  });
});

/** A node that ends when there is a file `<file>.open`. It writes each of its calls to the file. */
export const gated = new Dag<any>("gated");
gated.node("gated", async (file: string, ctx: Context) => {
  const { appendFileSync, existsSync } = await import("node:fs");
  appendFileSync(file, `begun ${ctx.idempotencyKey}\n`);
  while (!existsSync(`${file}.open`)) {
    ctx.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  appendFileSync(file, `ended ${ctx.idempotencyKey}\n`);
  return "through";
});
gated.node("after", { needs: ["gated"] }, (gated: string) => `${gated} and after`);
