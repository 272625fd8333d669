import { Dag, type Context, type PauseRun } from "dagwright";

/** load → approve, which pauses → publish. */
export function approval(pause: () => PauseRun): Dag<any> {
  const dag = new Dag<any>("approval");
  dag.node("load", (ctx: Context) => {
    ctx.metadata.customer = "Ann";
    return 1;
  });
  dag.node("approve", { needs: ["load"] }, (_: number, ctx: Context) => {
    if (ctx.attempt === 1) throw pause();
    return ctx.attempt;
  });
  dag.node("publish", { needs: ["approve"] }, (n: number) => n * 10);
  return dag;
}
