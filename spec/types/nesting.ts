/**
 * Compile-time checks of workflows in workflows, as standard decorators here, and as legacy ones by
 * `spec/legacy/tsconfig.json`, which includes this file.
 */
import { Dag, Fsm, next, node, state, subworkflow, type Context, type RunResult } from "dagwright";

class Validation {
  @node load(order: string): string {
    return order;
  }
  @node("load") async verdict(load: string): Promise<{ ok: boolean }> {
    return { ok: load !== "" };
  }
}

export class Orders {
  @node fetch(): string {
    return "book";
  }
  @node("fetch") check = subworkflow(Validation, { output: "verdict" });
  @node({ needs: ["fetch"], retry: 2 }) untyped = subworkflow(Validation);
  @node lazy = subworkflow(() => Validation, { output: "verdict" });
  @node("check") ship(verdict: { ok: boolean }): boolean {
    return verdict.ok;
  }
  @node("check.load", "untyped") inner(load: string, any: number): string {
    return `${load}${any}`;
  }

  // @ts-expect-error: the value is a verdict.
  @node("check") wrong(verdict: number): number {
    return verdict;
  }
  // @ts-expect-error: there is no such node.
  @node("fetsch") unknown = subworkflow(Validation);
  // @ts-expect-error: a field must hold a workflow.
  @node plain = 1;
  // @ts-expect-error: a field must hold a workflow.
  @node("fetch") also = () => 1;
  // @ts-expect-error: a field must hold a workflow.
  @node() neither = "text";
}

export async function values(): Promise<RunResult> {
  const run = await Dag.from(Orders).run();
  const verdict: { ok: boolean } = run.get("check");
  // @ts-expect-error: it is a verdict.
  const wrong: number = run.get("check");
  const inner: boolean = run.get("check.verdict");
  const load: string = run.get("check.load", "none");
  const child = run.child("check");
  const value: unknown = child?.value;
  // @ts-expect-error: there is no such node.
  run.child("chek");
  // @ts-expect-error: there is no such node.
  run.get("chek.verdict");
  const untyped: number = run.get("untyped");
  void [verdict, wrong, inner, load, value, untyped];
  return child as RunResult<any>;
}

class Review {
  @state({ to: ["review"] }) begin() {
    return next("review");
  }
  @state({ to: ["done"] }) review = subworkflow(Validation, { output: "verdict" });
  @state({ terminal: true }) done(verdict: { ok: boolean }): boolean {
    return verdict.ok;
  }
  // @ts-expect-error: a field must hold a workflow.
  @state wrong = 1;
}

export async function states(): Promise<void> {
  const run = await Fsm.from(Review).run();
  const verdict: { ok: boolean } | undefined = run.get("review");
  const load: string = run.get("review.load");
  void [verdict, load];
}

const dag = new Dag("built");
const order = dag.node("order", () => "book");
const check = dag.node("check", { needs: [order] }, subworkflow(Validation, { output: "verdict" }));
const bare = dag.node("bare", Validation);
const nested = dag.node("nested", Dag.from(Validation));
dag.node("use", { needs: [check, bare, nested] }, (verdict, a: number, b: string) => [verdict.ok, a, b]);
// @ts-expect-error: `subworkflow` takes a workflow.
dag.node("text", "text");
// @ts-expect-error: a condition is a function.
dag.condition("fork", Validation);

export async function built(): Promise<boolean> {
  const run = await dag.run();
  const child = run.child(check);
  return run.get(check).ok && child?.get("load") === "book";
}

dag.node("call", async (ctx: Context) => {
  const inner = await ctx.run(Dag.from(Validation), { inputs: { order: "x" }, key: "a" });
  const verdict: { ok: boolean } = inner.get("verdict");
  // @ts-expect-error: it is no number.
  const wrong: number = inner.get("verdict");
  return [verdict, wrong];
});
