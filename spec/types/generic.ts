/**
 * Compile-time checks of generic classes: needs that could fit compile, and needs that can't do not. As standard
 * decorators here, and as legacy ones by `spec/legacy/tsconfig.json`.
 */
import {
  all,
  any,
  condition,
  Dag,
  decide,
  Fsm,
  next,
  node,
  optional,
  route,
  select,
  state,
  type Context,
} from "dagwright";

export class List<T> {
  @node load(): T[] {
    return [];
  }
  @node("load") same(items: T[]): T[] {
    return items;
  }
  @node("same") head(items: readonly T[], ctx: Context): T {
    return items[ctx.attempt];
  }
  @node("head") wrap(item: T): { item: T } {
    return { item };
  }
  @node("wrap.item") unwrap(item: T): string {
    return String(item);
  }
  @node("load") size(items: Iterable<unknown>): number {
    return [...items].length;
  }
  @node(optional("head")) maybe(item: T | undefined) {
    return item;
  }
  @condition("head") isThere(item: T): boolean {
    return Boolean(item);
  }
  @node("isThere.true") there(item: T): T {
    return item;
  }
  @select("head") routed(item: T) {
    return item === undefined ? route("none", 0) : route("one", item);
  }
  @node("routed.one") one(item: T): T {
    return item;
  }
  @condition("head") decided(item: T) {
    return item === undefined ? decide(false, "none") : decide(true, item);
  }
  @node("decided.false") none(why: string) {
    return why;
  }
  @any("there", "one") either(item: T): T {
    return item;
  }
  @all("there", "one") both(items: { there: T; one: T }): T[] {
    return [items.there, items.one];
  }
  // @ts-expect-error no method is named "lod"
  @node("lod") misspelt(items: T[]) {
    return items;
  }
  // @ts-expect-error an array is not a string
  @node("load") list(items: string) {
    return items;
  }
  // @ts-expect-error a number is not a string
  @node("size") number(size: string) {
    return size;
  }
  // @ts-expect-error the result has no output "itme"
  @node("wrap.itme") output(item: T) {
    return item;
  }
  // @ts-expect-error the value on "false" is a string
  @node("decided.false") decision(why: number) {
    return why;
  }
  // @ts-expect-error a condition returns a boolean
  @condition("load") choice(items: T[]): T[] {
    return items;
  }
  // @ts-expect-error one need too many
  @node("load", "size") tooMany(items: T[]) {
    return items;
  }
}

export class Bound<T extends { id: string }> {
  @node load(): T[] {
    return [];
  }
  @node("load") first(items: T[]): T | undefined {
    return items[0];
  }
  @node("first") idOf(item: T | undefined): string {
    return item?.id ?? "";
  }
  @node("load") ids(items: { id: string }[]): string[] {
    return items.map(({ id }) => id);
  }
}

export abstract class Etl<In, Out> {
  abstract extract(): Promise<In[]>;
  abstract transform(rows: In[]): Out[];
  @node("transform") load(rows: Out[]): number {
    return rows.length;
  }
}

export class Users extends Etl<{ n: number }, string> {
  @node async extract() {
    return Promise.resolve([{ n: 1 }]);
  }
  @node("extract") transform(rows: { n: number }[]) {
    return rows.map(({ n }) => String(n));
  }
  // @ts-expect-error the result of the base class' node is a number
  @node("load") report(rows: string[]) {
    return rows;
  }
}

export class Machine<T> {
  @state({ initial: true, to: ["held", "done"] }) begin(value: T) {
    return value === undefined ? next("done", 0) : next("held", value);
  }
  @state held(value: T) {
    return next("done", value === undefined ? 0 : 1);
  }
  @state done(n: number) {
    return n;
  }
  @state plain(value: T): T {
    return value;
  }
  // @ts-expect-error no state is named "dnoe"
  @state misspelt(value: T) {
    return next("dnoe", value);
  }
  // @ts-expect-error an array is not a number
  @state list(value: T) {
    return next("done", [value]);
  }
}

export async function results(): Promise<void> {
  const run = await Dag.from(Users).run();
  const loaded: number = run.get("load");
  const rows: string[] = run.get("transform");
  const list = await Dag.from(new List<Date>()).run();
  const dates: Date[] = list.get("same");
  const machine = await Fsm.from(Machine<Date>).run();
  const date: Date | number | undefined = machine.get("begin");
  void [loaded, rows, dates, date];
}
