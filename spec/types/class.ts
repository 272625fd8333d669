/**
 * Compile-time checks of an annotated class, as standard decorators here, and as legacy ones by
 * `spec/legacy/tsconfig.json`, which includes this file.
 */
import {
  all,
  any,
  condition,
  Dag,
  decide,
  node,
  optional,
  route,
  select,
  type Context,
  type RunResult,
  type RunStore,
} from "dagwright";

interface Order {
  readonly id: string;
}

export class Right {
  @node fetch(): Order[] {
    return [];
  }
  @node() async count(): Promise<number> {
    return 1;
  }
  @node("fetch") clean(orders: Order[], ctx: Context): Order[] {
    return ctx.has("fetch") ? orders : [];
  }
  @node("fetch", "count") contextFirst(ctx: Context, orders: Order[], count: number) {
    return { rows: orders, count, name: ctx.nodeName };
  }
  @node("contextFirst.rows") rows(rows: Order[]) {
    return rows;
  }
  @node("fetch") withRunInput(orders: Order[], limit: number, strict = false) {
    return strict ? orders.slice(0, limit) : orders;
  }
  @node("fetch") needsButNoParameter() {
    return 1;
  }
  @node("count", "count") rest(...all: number[]) {
    return all.length;
  }
  @condition("clean") isLarge(orders: Order[]): boolean {
    return orders.length > 1;
  }
  @condition("clean") isDecided(orders: Order[]) {
    return decide(true, orders.length);
  }
  @node("isLarge.true") bulk(orders: Order[]) {
    return orders.length;
  }
  @node("isLarge") either(orders: Order[]) {
    return orders;
  }
  @node("isDecided.false") decided(n: number) {
    return n;
  }
  @select("clean") channel(orders: Order[]) {
    return orders.length > 1 ? ("mail" as const) : ("phone" as const);
  }
  @node("channel.mail") mail(orders: Order[]) {
    return orders;
  }
  @select("clean") routed(orders: Order[]) {
    return route("count", orders.length);
  }
  @node("routed.count") routedCount(n: number) {
    return n;
  }
  @node(optional("bulk")) maybe(n: number | undefined) {
    return n;
  }
  @node(optional("bulk")) maybeOptional(n?: number) {
    return n;
  }
  @all("clean", "count") record(values: { clean: Order[]; count: number }) {
    return values;
  }
  @all("clean", "count") positional(clean: Order[], count: number) {
    return [clean, count];
  }
  @all("clean", "count") anyRecord(values: Record<string, unknown>) {
    return values;
  }
  @all("clean", "count") part(values: { clean: Order[]; more?: string }) {
    return values;
  }
  @any("bulk", "decided") winner(n: number, ctx: Context) {
    return [n, ctx.trigger];
  }
  @any("bulk", "clean") firsts(n: number | undefined, orders: Order[] | undefined) {
    return n ?? orders;
  }
  @node({ needs: ["fetch"], retry: 2 }) inOptions(orders: Order[]) {
    return orders;
  }
  @node("not checked" as string) dynamic(value: Date) {
    return value;
  }
}

export class Wrong {
  @node fetch(): Order[] {
    return [];
  }
  @node("fetch") object(orders: Order[]) {
    return { orders };
  }
  // @ts-expect-error no method is named "fetchh"
  @node("fetchh") unknownNeed(orders: Order[]) {
    return orders;
  }
  // @ts-expect-error no method is named "fetchh"
  @node({ needs: ["fetchh"] }) unknownNeedInOptions(orders: Order[]) {
    return orders;
  }
  // @ts-expect-error no method is named "fetchh"
  @node("fetchh", { retry: 1 }) unknownNeedBeforeOptions(orders: Order[]) {
    return orders;
  }
  // @ts-expect-error the value of the need is Order[], the parameter is string
  @node("fetch") wrongParameter(orders: string) {
    return orders;
  }
  // @ts-expect-error the second need does not fit
  @node("fetch", "object") wrongSecond(ctx: Context, orders: Order[], second: number) {
    return [ctx, orders, second];
  }
  // @ts-expect-error the result of "object" has no output "rows"
  @node("object.rows") wrongOutput(rows: Order[]) {
    return rows;
  }
  @condition("fetch") isLarge(orders: Order[]): boolean {
    return orders.length > 1;
  }
  // @ts-expect-error a condition has the branches true and false
  @node("isLarge.maybe") wrongBranch(orders: Order[]) {
    return orders;
  }
  // @ts-expect-error the value on the branch is Order[]
  @node("isLarge.true") wrongBranchValue(orders: number) {
    return orders;
  }
  // @ts-expect-error a condition returns a boolean or decide(…)
  @condition("fetch") notBoolean(orders: Order[]) {
    return orders.length;
  }
  // @ts-expect-error a select returns a name or route(…)
  @select("fetch") notName(orders: Order[]) {
    return orders.length;
  }
  // @ts-expect-error an optional need may be undefined
  @node(optional("fetch")) notOptional(orders: Order[]) {
    return orders;
  }
  // @ts-expect-error no method is named "nope"
  @node(optional("nope")) optionalUnknown(orders?: Order[]) {
    return orders;
  }
  // @ts-expect-error the record's "fetch" is Order[]
  @all("fetch", "object") wrongRecord(values: { fetch: number; object: object }) {
    return values;
  }
  // @ts-expect-error no need provides "other"
  @all("fetch", "object") missingKey(values: { fetch: Order[]; other: object }) {
    return values;
  }
  // @ts-expect-error the value of one need is Order[]
  @any("fetch", "object") wrongWinner(value: { orders: Order[] }) {
    return value;
  }
  // @ts-expect-error the values may be undefined
  @any("fetch", "object") notYetThere(orders: Order[], object: object) {
    return [orders, object];
  }
  // @ts-expect-error one need too many
  @node("fetch", "object") tooMany(orders: Order[]) {
    return orders;
  }
  // @ts-expect-error one need too many, before the context
  @node("fetch", "object") tooManyBeforeContext(orders: Order[], ctx: Context) {
    return [orders, ctx];
  }
  // @ts-expect-error one need too many
  @any("fetch", "object", "isLarge.true") tooManyOfAny(a?: Order[], b?: object) {
    return [a, b];
  }
  // @ts-expect-error no method is named so
  @node("fetchh") waits() {
    return 1;
  }
  // @ts-expect-error there is no option "retrys"
  @node({ retrys: 2 }) unknownOption() {
    return 1;
  }
}

declare const store: RunStore;

export async function results(): Promise<void> {
  const dag = Dag.from(Right);
  const run = await dag.run();
  exactly<Order[]>()(run.get("clean"));
  exactly<number>()(run.get("count"));
  exactly<number>()(run.get("isDecided"));
  exactly<boolean | Order[]>()(run.get("isLarge"));
  exactly<Order[] | "none">()(run.get("clean", "none"));
  exactly<Order[] | undefined>()(dag.get("clean"));
  // @ts-expect-error no node is named "claen"
  run.get("claen");
  // @ts-expect-error no node is named "claen"
  dag.get("claen");
  // @ts-expect-error no node is named "claen"
  void dag.run({ overrides: { claen: 1 } });
  // @ts-expect-error no such mode
  void dag.run({ mode: "parallell" });
  const resumed = await dag.resume("id", { store, provide: { isLarge: true } });
  exactly<number>()(resumed.get("count"));
  const [recovered] = await dag.recover({ store });
  exactly<number>()(recovered.get("count"));
  const attached = await dag.attach("id", { store, provide: { isLarge: true } });
  exactly<number>()((await attached.result).get("count"));
  const [one] = await dag.attachAll({ store, concurrency: 2 });
  exactly<number>()((await one.result).get("count"));
  void dag.recover({ store, concurrency: 2, nodeConcurrency: 3, wait: true });
  // @ts-expect-error only `recover` has this option
  void dag.resume("id", { store, nodeConcurrency: 3 });
  exactly<number>()((await dag.replay("id", { store, rerun: ["clean"], only: true })).get("count"));
  // @ts-expect-error no node is named "isLareg"
  void dag.resume("id", { store, provide: { isLareg: true } });
  // @ts-expect-error no node is named "claen"
  void dag.replay("id", { store, rerun: ["claen"] });
  // @ts-expect-error a replay needs `rerun`
  void dag.replay("id", { store });
  // @ts-expect-error a recorded run needs its store
  void dag.resume("id", {});
  // @ts-expect-error the inputs are recorded
  void dag.resume("id", { store, inputs: {} });
  // @ts-expect-error `recover` takes no results
  void dag.recover({ store, provide: { isLarge: true } });
  // @ts-expect-error no such durability
  void dag.run({ store, durability: "sometimes" });
  const byInstance: RunResult<any> = await Dag.from(new Right()).run();
  void byInstance;
}

class WithArguments extends Right {
  constructor(readonly path: string) {
    super();
  }
}
// @ts-expect-error the constructor takes arguments
Dag.from(WithArguments);
Dag.from(new WithArguments("x"));

/** Accepts only a value of exactly the type `E`. */
function exactly<E>(): <const A>(
  value: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends E ? 1 : 2 ? A : never,
) => void {
  return () => {};
}
