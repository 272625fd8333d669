/** What goes along the branches of conditions and selects. Checked as both kinds of decorators. */
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
  // @ts-expect-error no card goes along "false"
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
  // @ts-expect-error along "true" goes a string
  @node("decided.true") wrongTrue(amount: number) {
    return amount;
  }
  // @ts-expect-error along "false" goes a number
  @node("decided.false") wrongFalse(pan: string) {
    return pan;
  }
  // @ts-expect-error a bare need takes what comes along either branch
  @node("decided") wrongBare(pan: string) {
    return pan;
  }
  // @ts-expect-error a condition passes on what it decided, not a boolean
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
  // @ts-expect-error along "little" goes a string
  @node("routed.little") wrongRoute(amount: number) {
    return amount;
  }
  // @ts-expect-error along no branch goes a date
  @node("routed.default") wrongDefault(date: Date) {
    return date;
  }
  // @ts-expect-error there is no branch "cash"
  @node("routed.cash") noRoute(amount: number) {
    return amount;
  }
  // @ts-expect-error a bare need takes what comes along any branch
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
  // @ts-expect-error a text is no branch
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
  // @ts-expect-error a condition is no select
  @condition("value") routed(n: number) {
    return route("x", n);
  }
  // @ts-expect-error a select is no condition
  @select("value") decided(n: number) {
    return decide(true, n);
  }
  // @ts-expect-error both promises
  @select("value") async later(n: number) {
    return Promise.resolve(n);
  }
}

export async function results(): Promise<void> {
  const run = await Dag.from(Forks).run();
  const decided: string | number = run.get("decided");
  const routed: Card | number | string = run.get("routed");
  // @ts-expect-error it passes on what it decided
  const boolean: boolean = run.get("decided");
  void [decided, routed, boolean];
}
