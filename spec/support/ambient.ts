/** Workflows whose nodes ask for their context on worker threads. Workers import it. */
import { isMainThread } from "node:worker_threads";
import { Dag, getContext, node, workflow, type Context } from "dagwright";

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** What a helper sees that gets no context from its caller. */
function here(): unknown {
  const context = getContext();
  if (context !== undefined) context.metadata[context.nodeName] = true;
  return context && [context.workflow, context.nodeName, context.attempt, context.inputs.n, context.get("named")];
}

export const ambient = new Dag("ambient");
ambient.node("named", async (n: number) => {
  await turn();
  return [getContext()?.nodeName, isMainThread, n];
});
ambient.node("param", { needs: ["named"] }, async (_named: unknown, ctx: Context) => {
  await turn();
  return [here(), getContext() === ctx, isMainThread];
});
ambient.node("helper", { needs: ["named"], retry: { retries: 1, delay: 0 } }, async (named: unknown) => {
  await turn();
  return [here(), isMainThread, named];
});

@workflow()
export class Ambient {
  @node async load() {
    await turn();
    return [here(), isMainThread];
  }
}
