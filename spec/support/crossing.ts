/** A workflow whose nodes give, write or throw what does not simply cross to another thread: what workers import. */
import { Dag, PauseRun, type Context } from "dagwright";

/** An error that is its own cause. */
export function circle(): Error {
  const error = new Error("its own cause");
  error.cause = { of: error };
  return error;
}

/** So many lists, each in the next. */
export function nested(levels: number): unknown {
  let value: unknown = "innermost";
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

/** An object that is another when it is looked at again. */
export function fickle(then: unknown): object {
  let looks = 0;
  return {
    get value() {
      return looks++ === 0 ? "harmless" : then;
    },
  };
}

/** A chain of records that one finds at once, and another by going along: the first one lists them all. */
export function linked(length: number): object {
  const records = Array.from({ length }, () => ({}) as { next?: object });
  records.forEach((record, i) => (record.next = records[i + 1]));
  return { records };
}

export const crossing = new Dag("crossing");
crossing.node("takes", (value: unknown) => typeof value);
crossing.node("circle", () => ({ e: circle() }));
crossing.node("nested", (levels: number) => ({ list: nested(levels) }));
crossing.node("linked", (length: number) => linked(length));
crossing.node("fickle", (levels: number) => fickle(nested(levels)));
crossing.node("pauses", () => {
  throw new PauseRun("later", { data: { e: circle() } });
});
crossing.node("writes", (ctx: Context) => void (ctx.metadata.e = circle()));
crossing.node("counts", (ctx: Context) => void (ctx.metrics.e = "one" as never));
crossing.node("logs", (ctx: Context) => {
  ctx.log(circle() as never);
  ctx.log((() => 1) as never);
  return "logged";
});
crossing.node("whole", { backend: "inline" }, () => ({ part: 1, fn: () => 1 }));
crossing.node("part", { needs: ["whole.part"] }, (part: number, ctx: Context) => [part, ctx.has("whole")]);
