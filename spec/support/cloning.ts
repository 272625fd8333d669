/** A workflow whose nodes return, write or throw values that are hard to send to another thread. Workers import it. */
import { inspect } from "node:util";
import { Dag, PauseRun, type Context } from "dagwright";

/** An error that is its own cause. */
export function circle(): Error {
  const error = new Error("its own cause");
  error.cause = { of: error };
  return error;
}

/** Nested lists, `levels` deep. */
export function nested(levels: number): unknown {
  let value: unknown = "innermost";
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

/** An object whose property changes after the first read. */
export function fickle(then: unknown): object {
  let looks = 0;
  return {
    get value() {
      return looks++ === 0 ? "harmless" : then;
    },
  };
}

/** A linked list of records that is deep when followed link by link, and flat in its list of all records. */
export function linked(length: number): object {
  const records = Array.from({ length }, () => ({}) as { next?: object });
  records.forEach((record, i) => (record.next = records[i + 1]));
  return { records };
}

export const cloning = new Dag("cloning");
cloning.node("takes", (value: unknown) => typeof value);
cloning.node("circle", () => ({ e: circle() }));
cloning.node("nested", (levels: number) => ({ list: nested(levels) }));
cloning.node("linked", (length: number) => linked(length));
cloning.node("fickle", (levels: number) => fickle(nested(levels)));
/** The reason of an aborted signal. */
export const aborted = () => new DOMException("gone", "AbortError");
cloning.node("exception", () => ({ list: [aborted()] }));
cloning.node("keeps", (ctx: Context) => void (ctx.metadata.reason = aborted()));
cloning.node("pauses", () => {
  throw new PauseRun("later", { data: { e: circle() } });
});
cloning.node("writes", (ctx: Context) => void (ctx.metadata.e = circle()));
cloning.node("shows", (ctx: Context) => [JSON.stringify(ctx), inspect(ctx), String(ctx as unknown)]);
cloning.node("whole", { backend: "inline" }, () => ({ part: 1, fn: () => 1 }));
cloning.node("part", { needs: ["whole.part"] }, (part: number, ctx: Context) => [part, ctx.has("whole")]);

class HttpError extends Error {
  override readonly name = "HttpError";
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

class Headers {
  constructor(readonly retryAfter: number) {}
  get() {
    return this.retryAfter;
  }
}

/** Errors to throw, by what is special about them. */
const thrown = {
  errors: () => Object.assign(new Error("invalid"), { errors: [{ path: "name", rule: "required" }] }),
  code: () => Object.assign(new Error("coded"), { code: { major: 1 } }),
  big: () => Object.assign(new Error("coded"), { code: 5n }),
  within: () =>
    Object.assign(new TypeError("outer", { cause: { reason: new HttpError("gone", 410) } }), {
      original: new HttpError("missing", 404),
      list: [new HttpError("broken", 500)],
      byKey: new Map([["a", new Set([new HttpError("busy", 503)])]]),
    }),
  response: () =>
    Object.assign(new Error("no answer"), {
      response: {
        status: 429,
        headers: new Headers(7),
        data: Array.from({ length: 5000 }, (_, i) => ({ i })),
        config: { at: new Date(5), transform: [() => 1, 2], pending: Promise.resolve() },
      },
    }),
  exception: () => Object.assign(aborted(), { reason: aborted(), cause: { within: aborted() } }),
  aggregate: () => new AggregateError([new HttpError("one", 1), new HttpError("two", 2), "three"], "all"),
  loop: () => {
    const [a, b] = [new Error("a"), new HttpError("b", 2)];
    return Object.assign(a, { other: Object.assign(b, { cause: a, back: { to: a } }) });
  },
  value: () => ({ status: 5, errors: [new HttpError("inner", 6)], fn: () => 1 }),
  large: () => {
    let rest: unknown = () => 1;
    for (let i = 0; i < 100_000; i++) rest = [rest];
    return Object.assign(new Error("large"), { rest, near: { fn: () => 1, kept: true } });
  },
  endless: () => {
    class Endless extends Error {
      get next() {
        return new Endless("again");
      }
      override get cause() {
        return new Endless("before");
      }
    }
    return new Endless("first");
  },
  hostile: () =>
    Object.defineProperties(new Error("hostile"), {
      trap: {
        enumerable: true,
        get() {
          throw new Error("trap");
        },
      },
      proxy: { enumerable: true, value: new Proxy({ seen: 1 }, {}) },
    }),
};
export type Special = keyof typeof thrown;
cloning.node("throws", (special: Special) => {
  throw thrown[special]();
});
