/** Values that are dangerous to inspect, and functions that throw, return and promise them. */
import { runInNewContext } from "node:vm";
import { Dag, decide, next, PauseRun, route, stop, type ExecutionError } from "dagwright";

const trap = (): never => {
  throw new Error("trap");
};

function trapped<T extends object>(target: T, ...keys: string[]): T {
  for (const key of keys) Object.defineProperty(target, key, { get: trap, configurable: true });
  return target;
}

function revoked<T extends object>(target: T): T {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** Takes a turn to settle when awaited. */
const turn = Promise.resolve();

const allTraps = new Proxy({}, { get: () => trap });

/** An object whose `then` changes after the first read. */
function fickle(first: unknown, later: () => unknown): object {
  let reads = 0;
  return {
    get then() {
      return reads++ === 0 ? first : later();
    },
  };
}

class Unmakeable<T> extends Promise<T> {
  static isOff = false;
  constructor(executor: ConstructorParameters<typeof Promise<T>>[0]) {
    if (Unmakeable.isOff) trap();
    super(executor);
  }
}

const settledOnce = (resolve: (value: unknown) => void) => resolve(1);

/** Hostile values by name, each made anew, since some can be used only once. */
export const hostile: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  symbol: () => Symbol("s"),
  "an object without a prototype": () => Object.create(null) as unknown,
  "a frozen error": () => Object.freeze(new Error("ice")),
  "an error whose message throws": () => trapped(new Error("x"), "message"),
  "an error whose every property throws": () =>
    trapped(new Error("x"), "stack", "message", "name", "cause", "code", "then"),
  "an error with symbols for strings": () =>
    Object.assign(new Error("x"), { stack: Symbol("s"), message: Symbol("m"), name: Symbol("n"), code: Symbol("c") }),
  "an error with no message and a symbol for a name": () => Object.assign(new Error(""), { name: Symbol("n") }),
  "an error with an object for a message": () =>
    Object.assign(new Error("x"), { message: Object.create(null) as unknown }),
  "an error that is its own cause": () => {
    const error = new Error("x");
    error.cause = error;
    return error;
  },
  "an error of another realm": () => runInNewContext("new TypeError('elsewhere')") as unknown,
  "an error with a long message": () => new Error("x".repeat(1e5)),
  "a revoked object": () => revoked({}),
  "a revoked function": () => revoked(() => {}),
  "a revoked array": () => revoked([]),
  "a revoked error": () => revoked(new Error("x")),
  "a proxy that throws for unknown properties": () =>
    new Proxy({ a: 1 } as Record<string, unknown>, { get: (target, key) => target[key as string] ?? trap() }),
  "a proxy that always throws": () => new Proxy({}, allTraps),
  "a proxied error that always throws": () => new Proxy(new Error("x"), allTraps),
  "a proxy that hides its prototype": () => new Proxy({}, { getPrototypeOf: trap }),
  "a toString that throws": () => ({ toString: trap }),
  "a toString that returns an object": () => ({ toString: () => ({}), valueOf: () => ({}) }),
  "a tag that throws": () => trapped({ toString: trap }, Symbol.toStringTag as unknown as string),
  "a toPrimitive that returns a symbol": () => ({ [Symbol.toPrimitive]: () => Symbol("p") }),
  "a then that can't be read": () => trapped({}, "then"),
  "a then that throws": () => ({ then: trap }),
  "a then that calls back twice": () => ({
    then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
      resolve(1);
      resolve(2);
      reject(new Error("late"));
      trap();
    },
  }),
  "a then that rejects with an unreadable error": () => ({
    then: (_: unknown, reject: (error: unknown) => void) => reject(trapped(new Error("x"), "message")),
  }),
  "a then that resolves to an unreadable value": () => ({
    then: (resolve: (v: unknown) => void) => resolve(revoked({})),
  }),
  "a then that can be read once": () => fickle(settledOnce, trap),
  "a then that is there the second time": () => fickle(undefined, () => settledOnce),
  "a promise with its own then": () => Object.assign(Promise.resolve(1), { then: trap }),
  "a promise whose then calls back at once, and twice": () =>
    Object.assign(Promise.resolve(1), { then: (resolve: (value: unknown) => void) => (resolve(1), resolve(2)) }),
  "a promise whose constructor can't be read": () => trapped(Promise.resolve(1), "constructor"),
  "a promise whose class makes no other promises": () => {
    Unmakeable.isOff = false;
    const promise = new Unmakeable(settledOnce);
    Unmakeable.isOff = true;
    return promise;
  },
  "a proxied promise": () => new Proxy(Promise.resolve(1), {}),
  "an object that only inherits from Promise": () => Object.create(Promise.prototype) as unknown,
  "a promise of another realm": () => runInNewContext("Promise.resolve(1)") as unknown,
  "a pause whose reason can't be read": () => trapped(new PauseRun("x"), "message"),
  "a next that names no state": () => next(Symbol("s") as never),
  "a next with an unreadable value": () => next("b", revoked({})),
  "a stop with an unreadable value": () => stop(revoked({})),
  "a decision that can't be read": () =>
    new Proxy(decide(true, 1), { get: (_, key) => (key === "then" ? undefined : trap()) }),
  "a route that is no name": () => route(Symbol("s") as never, 1),
};

const rejections: Readonly<Record<string, () => unknown>> = {
  "rejects with undefined": () => Promise.reject(undefined),
  "rejects with a revoked object": () => Promise.reject(revoked({})),
  "rejects with an error without a message": () => Promise.reject(trapped(new Error("x"), "message")),
};

/** Functions that return or throw each hostile value, at once or later. */
export const deeds: readonly (readonly [name: string, deed: () => unknown])[] = [
  ...Object.entries(hostile).flatMap(([name, value]) => {
    const throws = () => {
      throw value();
    };
    const later = async () => {
      await turn;
      return value();
    };
    const throwsLater = async () => {
      await turn;
      throw value();
    };
    return [
      [`returns ${name}`, value],
      [`throws ${name}`, throws],
      [`returns ${name} later`, later],
      [`throws ${name} later`, throwsLater],
    ] as const;
  }),
  ...Object.entries(rejections),
];

/** The value that a deed returns or throws. If it is a promise, its rejection is handled. */
export function outcomeOf(deed: () => unknown): unknown {
  let outcome: unknown;
  try {
    outcome = deed();
  } catch (error) {
    outcome = error;
  }
  try {
    void Promise.prototype.then.call(outcome, undefined, () => {});
  } catch {
    // Not a promise.
  }
  return outcome;
}

/** What is wrong with the end of a run; undefined for a result, or for a complete error of ours. */
export async function faultOf(start: () => unknown): Promise<string | undefined> {
  try {
    await start();
    return undefined;
  } catch (thrown) {
    const error = thrown as ExecutionError;
    if (!(error instanceof Error)) return "it does not reject with an error";
    if (typeof error.code !== "string" || typeof error.message !== "string") return `it rejects with ${error.stack}`;
    if (error.message.length > 50_000) return "its message is too long";
    return ["RUN_TIMEOUT", "INTERNAL"].includes(error.code) ? error.message : undefined;
  }
}

/** A dag for each hostile value that a node on a thread returns or throws, except what V8 itself can't read back. */
export const onThreads: readonly (readonly [name: string, dag: Dag])[] = Object.entries(hostile)
  .filter(([name]) => name !== "an error that is its own cause")
  .flatMap(([name, value]) =>
    (["returned", "thrown"] as const).map((way) => {
      const dag = new Dag(`${name}, ${way}`);
      dag.node("x", { params: [] }, async () => {
        if (way === "thrown") throw value();
        return value();
      });
      return [dag.name, dag] as const;
    }),
  );
