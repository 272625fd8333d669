/** Compile-time checks of the values on branches of conditions and selects, as both kinds of decorators. */
import { condition, Dag, decide, node, route, select, type Context } from "dagwright";

type Pay = { kind: "card"; pan: string } | { kind: "cash"; amount: number };
type Card = Extract<Pay, { kind: "card" }>;
type Cash = Extract<Pay, { kind: "cash" }>;

enum Kind {
  Card = "card",
  Cash = "cash",
}

export class Forks {
  @node pay(): Pay {
    return { kind: "cash", amount: 1 };
  }

  // --- a type predicate ---
  @condition("pay") isCard(pay: Pay): pay is Card {
    return pay.kind === "card";
  }
  @node("isCard.true") charge(card: Card) {
    return card.pan;
  }
  @node("isCard.false") till(cash: Cash) {
    return cash.amount;
  }
  @node("isCard") bare(pay: Pay) {
    return pay;
  }
  // @ts-expect-error the value on "false" is not a card
  @node("isCard.false") wrongBranch(card: Card) {
    return card;
  }
  @condition("pay") contextFirst(ctx: Context, pay: Pay): pay is Card {
    return ctx.attempt === 1 && pay.kind === "card";
  }
  @node("contextFirst.true") afterContext(card: Card) {
    return card;
  }

  // --- decide ---
  @condition("pay") decided(pay: Pay) {
    return pay.kind === "card" ? decide(true, pay.pan) : decide(false, pay.amount);
  }
  @node("decided.true") text(pan: string) {
    return pan;
  }
  @node("decided.false") number(amount: number) {
    return amount;
  }
  @node("decided") bareDecision(value: string | number) {
    return value;
  }
  // @ts-expect-error the value on "true" is a string
  @node("decided.true") wrongTrue(amount: number) {
    return amount;
  }
  // @ts-expect-error the value on "false" is a number
  @node("decided.false") wrongFalse(pan: string) {
    return pan;
  }
  // @ts-expect-error a need without a branch takes the value on either one
  @node("decided") wrongBare(pan: string) {
    return pan;
  }
  // @ts-expect-error a condition passes on the value of its decision, not a boolean
  @node("decided") notBoolean(is: boolean) {
    return is;
  }
  @condition("pay") always(pay: Pay) {
    return decide(true, pay);
  }
  @node("always.false") never(text: string) {
    return text;
  }
  @condition("pay") async later(pay: Pay) {
    return Promise.resolve(pay.kind === "card" && decide(true, pay.pan));
  }
  @node("later.true") afterLater(pan: string | Pay) {
    return pan;
  }

  // --- route ---
  @select("pay") routed(pay: Pay) {
    if (pay.kind === "card") return route("card", pay);
    return pay.amount > 5 ? route("much", pay.amount) : route("little", String(pay.amount));
  }
  @node("routed.card") routedCard(card: Card) {
    return card;
  }
  @node("routed.little") routedText(text: string) {
    return text;
  }
  @node("routed.default") others(amount: number) {
    return amount;
  }
  // @ts-expect-error the value on "little" is a string
  @node("routed.little") wrongRoute(amount: number) {
    return amount;
  }
  // @ts-expect-error no branch has a date
  @node("routed.default") wrongDefault(date: Date) {
    return date;
  }
  // @ts-expect-error there is no branch "cash"
  @node("routed.cash") noRoute(amount: number) {
    return amount;
  }
  // @ts-expect-error a need without a branch takes the value on any of them
  @node("routed") wrongBareRoute(text: string) {
    return text;
  }

  // --- names ---
  @select("pay") named(pay: Pay) {
    return pay.kind;
  }
  @node("named.cash") cash(pay: Pay) {
    return pay;
  }
  // @ts-expect-error there is no branch "bank"
  @node("named.bank") bank(pay: Pay) {
    return pay;
  }
  @node("pay") described(pay: Pay): string {
    return pay.kind;
  }
  // @ts-expect-error a plain string has no branches
  @node("described") notPassedOn(pay: Pay) {
    return pay;
  }

  @select("pay") ofEnum(pay: Pay): Kind {
    return pay.kind === "card" ? Kind.Card : Kind.Cash;
  }
  @node("ofEnum.card") ofEnumCard(pay: Pay) {
    return pay;
  }
  @select("pay") routedByEnum(pay: Pay) {
    return route(pay.kind === "card" ? Kind.Card : Kind.Cash, 1);
  }
  @node("routedByEnum.cash") byEnum(n: number) {
    return n;
  }
  // @ts-expect-error there is no branch "bank"
  @node("ofEnum.bank") noEnum(pay: Pay) {
    return pay;
  }

  // --- properties of unions ---
  @node object(): { rows: string[] } | { rows: number[]; more: boolean } {
    return { rows: [] };
  }
  @node("object.rows") rows(rows: string[] | number[]) {
    return rows;
  }
  // @ts-expect-error it may be a list of numbers
  @node("object.rows") wrongRows(rows: string[]) {
    return rows;
  }
}

export class Wrong {
  @node value(): number {
    return 1;
  }
  // @ts-expect-error a condition returns a boolean or decide(…)
  @condition("value") number(n: number) {
    return n;
  }
  // @ts-expect-error a condition is not a select
  @condition("value") routed(n: number) {
    return route("x", n);
  }
  // @ts-expect-error a select is not a condition
  @select("value") decided(n: number) {
    return decide(true, n);
  }
  // @ts-expect-error also as promises
  @select("value") async later(n: number) {
    return Promise.resolve(n);
  }
}

export async function results(): Promise<void> {
  const run = await Dag.from(Forks).run();
  const decided: string | number = run.get("decided");
  const routed: Card | number | string = run.get("routed");
  // @ts-expect-error it passes on the value of its decision
  const boolean: boolean = run.get("decided");
  void [decided, routed, boolean];
}
