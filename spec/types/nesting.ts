/**
 * Compile-time checks of workflows in workflows, as standard decorators here, and as legacy ones by
 * `spec/legacy/tsconfig.json`, which includes this file.
 */
import { Dag, Fsm, next, node, state, subworkflow, type Context, type RunResult, type Subworkflow } from "dagwright";

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
  const inner: { ok: boolean } = run.get("check.verdict");
  const load: string = run.get("check.load");
  const absent: string | undefined = run.get("check.load", undefined);
  // @ts-expect-error: it is a text.
  const wrongLoad: number = run.get("check.load");
  const lazily: { ok: boolean } = run.get("lazy.verdict");
  const child = run.child("check");
  const value: unknown = child?.value;
  const loaded: string | undefined = child?.get("load");
  // @ts-expect-error: the child has no such node.
  child?.get("lod");
  // @ts-expect-error: there is no such node.
  run.child("chek");
  // @ts-expect-error: there is no such node.
  run.get("chek.verdict");
  const untyped: number = run.get("untyped");
  void [verdict, wrong, inner, load, absent, wrongLoad, lazily, loaded, value, untyped];
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
  const child: string | undefined = run.child("review")?.get("load");
  // @ts-expect-error: it is a text.
  const wrong: number = run.get("review.load");
  void [verdict, load, child, wrong];
}

class Machine {
  @state({ initial: true }) begin(n: number) {
    return next("work", `${n}`);
  }
  @state({ terminal: true }) work(text: string) {
    return text;
  }
}

class Outer {
  @node orders = subworkflow(Orders, { output: "check" });
  @node dag = subworkflow(Dag.from(Orders));
  @node instance = subworkflow(new Orders());
  @node machine = subworkflow(Machine);
  @node self: Subworkflow<any, () => typeof Outer> = subworkflow(() => Outer);
}

export async function deep(): Promise<void> {
  const run = await Dag.from(Outer).run();
  const load: string = run.get("orders.check.load");
  const fetched: string = run.get("dag.fetch");
  const verdict: { ok: boolean } = run.get("instance.check");
  // @ts-expect-error: it is a verdict.
  const wrong: string = run.get("orders.check.verdict");
  const grandchild: string | undefined = run.child("orders")?.child("check")?.get("load");
  const begin: string | undefined = run.child("machine")?.getLatest("begin");
  // @ts-expect-error: the machine has no such state.
  run.child("machine")?.getLatest("begni");
  const item: string | undefined = run.child("instance", 3)?.get("fetch");
  const itself: string = run.get("self.self.orders.fetch");
  void [load, fetched, verdict, wrong, grandchild, begin, item, itself];
}

const dag = new Dag("built");
const order = dag.node("order", () => "book");
const check = dag.node("check", { needs: [order] }, subworkflow(Validation, { output: "verdict" }));
const bare = dag.node("bare", Validation);
const nested = dag.node("nested", Dag.from(Validation));
const instance = dag.node("instance", { needs: [order] }, new Validation());
const machine = dag.node(
  "machine",
  subworkflow(() => Machine),
);
const each = dag.map("each", { needs: [order] }, subworkflow(Validation, { output: "verdict" }));
dag.node("use", { needs: [check, bare, nested] }, (verdict, a: number, b: string) => [verdict.ok, a, b]);
// @ts-expect-error: a function with options must fit its needs.
dag.node("number", { needs: [order] }, (count: number) => count);
// @ts-expect-error: options without a function.
dag.node("nothing", { needs: [order] });
// @ts-expect-error: `subworkflow` takes a workflow.
dag.node("text", "text");
// @ts-expect-error: a condition is a function.
dag.condition("fork", Validation);

export async function built(): Promise<boolean> {
  const run = await dag.run();
  const load: string | undefined = run.child(check)?.get("load");
  // @ts-expect-error: the child has no such node.
  run.child(check)?.get("lod");
  const inClass: string | undefined = run.child(bare)?.get("load");
  const inDag: { ok: boolean } | undefined = run.child(nested)?.get("verdict");
  const inInstance: { ok: boolean } | undefined = run.child(instance)?.get("verdict");
  // @ts-expect-error: it is a verdict.
  const wrong: number | undefined = run.child(instance)?.get("verdict");
  const ofItem: string | undefined = run.child(each, 0)?.get("load");
  // @ts-expect-error: the child has no such node.
  run.child(each, 0)?.get("lod");
  const stepped: string | undefined = run.child(machine)?.getLatest("begin");
  // @ts-expect-error: the machine has no such state.
  run.child(machine)?.getLatest("begni");
  const called: number | undefined = run.child(order)?.get("anything");
  const removed: number | undefined = run.child(dag.getNode("check"))?.get("anything");
  void [inClass, inDag, inInstance, wrong, ofItem, stepped, called, removed];
  return run.get(check).ok && load === "book";
}

const fsm = new Fsm("built");
const reviewed = fsm.state("review", { initial: true, terminal: true }, Validation);

export async function builtStates(): Promise<void> {
  const run = await fsm.run();
  const load: string | undefined = run.child(reviewed)?.get("load");
  // @ts-expect-error: the child has no such node.
  run.child(reviewed)?.get("lod");
  void load;
}

dag.node("call", async (ctx: Context) => {
  const inner = await ctx.run(Dag.from(Validation), { inputs: { order: "x" }, key: "a" });
  const verdict: { ok: boolean } = inner.get("verdict");
  // @ts-expect-error: it is no number.
  const wrong: number = inner.get("verdict");
  return [verdict, wrong];
});
