/** Workflows whose nodes run on worker threads. Workers import them. */
import { isMainThread, threadId } from "node:worker_threads";
import { Dag, decide, node, PauseRun, workflow, type Context } from "dagwright";

import { repertoire } from "./repertoire.js";

export const where = () => ({ isMainThread, threadId });

const FACTOR = 10;
let counted = 0;

/** Plain nodes: closures over the module, every kind, a context, errors. */
export const plain = new Dag("plain");
plain.node("source", (size = 3) => Array.from({ length: size as number }, (_, i) => i * FACTOR));
plain.node("sum", { needs: ["source"] }, (xs: number[]) => xs.reduce((a, b) => a + b, 0));
plain.node("where", () => where());
plain.node("kept", { backend: "inline" }, () => where());
plain.condition("isBig", { needs: ["sum"] }, (sum: number) => decide(sum > 20, [sum, where()]));
plain.node("big", { needs: ["isBig.true"] }, ([sum]: [number]) => `big ${sum}`);
plain.node("small", { needs: ["isBig.false"] }, ([sum]: [number]) => `small ${sum}`);
plain.any("either", { needs: ["big", "small"] }, (text: string) => text.toUpperCase());
plain.all("both", { needs: ["sum", "source"] }, (values: Record<string, unknown>) => ({ ...values }));

/** State that a worker keeps between calls. */
export const stateful = new Dag("stateful");
stateful.node("count", () => ++counted);

export const contexts = new Dag("contexts");
contexts.node("first", () => "first's");
contexts.node("second", { needs: ["first"] }, async (first: string, ctx: Context) => {
  ctx.metadata.written = { by: ctx.nodeName };
  Object.defineProperty(ctx.metadata, "__proto__", { value: "a key", enumerable: true });
  (ctx.metadata.shared as { n: number }).n++;
  ctx.metrics.seen = (ctx.metrics.seen ?? 0) + 1;
  ctx.progress(0.5, "half");
  ctx.log("a line");
  return {
    first,
    got: [ctx.get("first"), ctx.has("first"), ctx.get("other", "none"), ctx.has("other"), Object.keys(ctx.results)],
    run: [ctx.runId, ctx.workflow, ctx.nodeName, ctx.attempt, ctx.trigger],
    inputs: { ...ctx.inputs },
    aborted: ctx.signal.aborted,
  };
});
contexts.node("third", { after: ["second"], retry: 1 }, (ctx: Context) => {
  ctx.metadata.dropped = true;
  if (ctx.attempt === 1) throw new Error("once");
  return ctx.attempt;
});
contexts.node("takesLimit", (limit: number) => limit);

/** Misuses the context in ways that types forbid. */
export const misused = new Dag("misused");
misused.node("logs", (ctx: Context) => {
  const circle = new Error("its own cause");
  circle.cause = { of: circle };
  const messages: unknown[] = [
    circle,
    new DOMException("gone"),
    () => 1,
    Symbol("s"),
    { a: 1 },
    [1],
    5,
    5n,
    null,
    undefined,
  ];
  for (const message of messages) ctx.log(message as string);
  for (const message of messages) ctx.progress(0.5, message as string);
});
const writes: Record<string, (metrics: Record<string, unknown>) => void> = {
  text: (metrics) => (metrics.n = "one"),
  nan: (metrics) => (metrics.n as number)++,
  infinite: (metrics) => Object.assign(metrics, { n: -Infinity }),
  big: (metrics) => (metrics.n = 1n),
  accessor: (metrics) => Object.defineProperty(metrics, "n", { get: () => 1 }),
};
for (const [name, write] of Object.entries(writes)) misused.node(name, (ctx: Context) => write(ctx.metrics));
misused.node("caught", (ctx: Context) => {
  let error: unknown;
  try {
    ctx.metrics.n = NaN;
  } catch (thrown) {
    error = thrown;
  }
  ctx.metrics["__proto__"] = 1;
  ctx.metrics.fine = 2;
  return [error instanceof TypeError, "n" in ctx.metrics, "toString" in ctx.metrics, Object.keys(ctx.metrics)];
});

export class Weird extends Error {
  readonly code = "E_WEIRD";
  override readonly name = "Weird";
}
export const failing = new Dag("failing");
failing.node("weird", () => {
  throw new Weird("odd", { cause: new RangeError("deep") });
});
failing.node(
  "http",
  { retry: { retries: 2, delay: 0, when: (error) => (error as { status?: number }).status === 503 } },
  () => {
    throw Object.assign(new Error("HTTP 503"), { status: 503, details: { retryAfter: 7 }, retryLater() {} });
  },
);
failing.node("aggregate", () => Promise.any([Promise.reject(new Error("a")), Promise.reject(new RangeError("b"))]));
failing.node("circular", () => {
  const round = new AggregateError([], "round");
  round.errors.push(round, round);
  round.cause = round;
  throw round;
});
failing.node("text", () => {
  throw "just text";
});

/** Can't be cloned. */
class Point {
  constructor(readonly x: number) {}
  length() {
    return this.x;
  }
}
const table = new Float64Array(32_768).fill(7);
const memo = new Map<number, Float64Array>();
export const data = new Dag("data");
data.node("echo", (value: unknown) => value);
data.node("rows", () => ({ rows: [{ id: 1 }, { id: 2, fn: () => 1 }] }));
data.node("metrics", (ctx: Context) => ({ of: ctx.metrics }));
data.node("proxy", () => new Proxy({}, {}));
data.node("point", () => ({ at: new Point(1) }));
data.node("promise", () => new Map([["key", { inner: Symbol("s") }]]));
data.node("table", () => table);
data.node("pooled", () => Buffer.from("pooled"));
data.node("memo", (key = 0) => {
  const known = memo.get(key as number);
  if (known !== undefined) return known;
  memo.set(key as number, new Float64Array(32_768).fill(key as number));
  return memo.get(key as number);
});
data.node("fresh", (key = 0) => new Float64Array(131_072).fill(key as number));
data.node("shared", (shared: unknown) => {
  new Int32Array(shared as SharedArrayBuffer)[0]++;
  return 1;
});

/** Nodes with the same name in two workflows: only the second one keeps its results. */
export const lets = new Dag("lets");
lets.node("array", () => new Float64Array(1_048_576));
export const keeps = new Dag("keeps");
keeps.node("array", (key = 0) => {
  const known = memo.get(-1 - (key as number)) ?? new Float64Array(1_048_576);
  memo.set(-1 - (key as number), known);
  return known;
});

/** Passes results from one thread to another. */
export const chain = new Dag("chain");
chain.node("make", () => new Float64Array(131_072).fill(1));
chain.node("double", { needs: ["make"] }, (xs: Float64Array) => xs.map((x) => x * 2));
chain.node("total", { needs: ["double"] }, (xs: Float64Array) => xs.reduce((a, b) => a + b, 0));

/** A condition on a thread, which passes its input on. */
export const forked = new Dag("forked");
forked.node("make", () => new Float64Array(131_072).fill(1));
forked.condition("isLong", { needs: ["make"], backend: "thread" }, (xs: Float64Array) => xs.length > 9);
forked.node("total", { needs: ["isLong.true"] }, (xs: Float64Array) => xs.reduce((a, b) => a + b, 0));

export const control = new Dag("control");
control.node("spin", { timeout: 100 }, () => {
  for (;;);
});
control.node("hangs", { timeout: 50 }, () => new Promise(() => {}));
control.node("slow", () => new Promise((resolve) => setTimeout(() => resolve("done"), 300)));

export const endless = new Dag("endless");
endless.node("spin", () => {
  for (;;);
});

export const crashing = new Dag("crashing");
crashing.node("exit", () => process.exit(7));
crashing.node("uncaught", () => {
  setTimeout(() => {
    throw new Error("out of band");
  }, 5);
  return new Promise(() => {});
});
crashing.node("retried", { retry: 1 }, (ctx: Context) => (ctx.attempt === 1 ? process.exit(3) : where().isMainThread));
crashing.node("hungry", () => {
  const hoard: number[][] = [];
  for (;;) hoard.push(new Array<number>(100_000).fill(1));
});
crashing.node("fine", () => "fine");

export const unhurried = new Dag("unhurried");
unhurried.node("first", () => new Promise((resolve) => setTimeout(() => resolve(1), 50)));
unhurried.node("second", { needs: ["first"] }, (n: number) => n + 1);

export const growing = new Dag("growing");
growing.node("a", () => where().isMainThread);

/** A node that runs another workflow. */
const inner = new Dag("inner");
inner.node("value", () => where().isMainThread);
export const outer = new Dag("outer");
outer.node("run", async () => [where().isMainThread, (await inner.run()).value]);

@workflow({ name: "shop" })
export class Shop {
  private served = 0;

  constructor(
    private readonly name = "shop",
    readonly options: unknown = undefined,
  ) {}

  @node open(): string {
    this.served++;
    return this.name;
  }
  @node("open") serve(open: string): string {
    return `${open} ${++this.served} ${where().isMainThread}`;
  }
}

/** Its method is an own property of the instance. */
@workflow()
export class Binding {
  constructor(private readonly count = 3) {
    this.tell = this.tell.bind(this);
  }
  @node tell(): string {
    return `${this.count} ${where().isMainThread}`;
  }
}

/** Has a field for a value of any kind. */
@workflow()
export class Holder {
  made = where().isMainThread;
  constructor(public held?: unknown) {}

  @node first(): unknown {
    return this.held;
  }
  @node("first", { backend: "inline" }) between(first: unknown): void {
    this.held = [first, "changed"];
  }
  @node({ after: ["between"] }) last(): unknown {
    return [this.held, this.made, this instanceof Holder, where().isMainThread];
  }
}

export class Hiding {
  readonly #number: number;
  constructor(number = 7) {
    this.#number = number;
  }
  @node ask(): unknown {
    return [this.#number, where().isMainThread];
  }
}
export const hiding = Dag.from(Hiding);
export const givenHiding = Dag.from(new Hiding(20), { name: "givenHiding" });

/** Another decorator, which wraps a node. */
function traced<F extends (...args: any[]) => unknown>(fn: F): F {
  return function (this: unknown, ...args: unknown[]) {
    return ["traced", fn.apply(this, args)];
  } as F;
}
@workflow()
export class Traced {
  @traced @node({ name: "renamed" }) ask(ctx: Context): unknown {
    return [ctx.nodeName, where().isMainThread];
  }
}
/** A wrapped node in a class without `@workflow`. */
class PlainTraced {
  @traced @node wrapped(): unknown {
    return where().isMainThread;
  }
  @node bare(): unknown {
    return where().isMainThread;
  }
}
export const plainTraced = Dag.from(new PlainTraced());

/** A function that makes classes. The module itself calls it once. */
export function classFor(n: number) {
  @workflow()
  class Local {
    @node ask(): unknown {
      return [n, where().isMainThread];
    }
  }
  return Local;
}
export const Local = classFor(1);

/** Its nodes have parameters that shadow variables, so esbuild numbers them. */
function numberedNames(label: string, ctx: string): Dag {
  const dag = new Dag("numbered");
  dag.node("label", () => `inner, not ${label} or ${ctx}`);
  dag.node("tell", (label: string, ctx: Context) => `${label}, in ${ctx.nodeName} ${where().isMainThread}`);
  // The last parameter would be the context if no node had its name.
  dag.node("q", () => ({ signal: "red" }));
  dag.node("see", { needs: ["label"] }, (_: string, q: { signal: string }) => [q.signal, where().isMainThread]);
  return dag;
}
export const numbered = numberedNames("outer", "other");

/** A class without `@workflow`. */
export class Plain {
  constructor(readonly name = "plain") {}
  @node ask(): boolean {
    return where().isMainThread;
  }
}
export const plainClass = Dag.from(Plain);
export class Given extends Plain {
  @node tell(): string {
    return this.name;
  }
}
export const given = new Given("given");
export const givenInstance = Dag.from(given);
export const newGiven = () => Dag.from(new Given("new"));

/** Overrides a method without declaring its parameters. */
export class Open extends Plain {
  override ask(...rest: unknown[]): boolean {
    return rest.length > 0 || where().isMainThread;
  }
}
export const openInstance = Dag.from(new Open());

/** Two classes of the same text, without `@workflow`. */
export const alike = ["a", "b"].map((name) => {
  class Alike {
    @node tell(): string {
      return `${name} ${where().isMainThread}`;
    }
  }
  return Alike;
});
export const alikeDag = Dag.from(new alike[0]());

/** A workflow that importing the module does not make, of a class without `@workflow`. */
export const lateDag = () => Dag.from(new (class Late extends Plain {})("late"));

/** Two workflows of one class. */
export const givenTwins = ["a", "b"].map((name) => Dag.from(new Plain(name)));

/** Nodes with and without a backend of their own. */
export const marked = new Dag("marked", { module: import.meta.url });
marked.node("where", { backend: "thread", timeout: 5000 }, () => where());
marked.node("here", () => where());

/** Makes a workflow that importing the module does not make. */
export function closures(): Dag {
  const local = where();
  const dag = new Dag("closures");
  dag.node("local", () => local.isMainThread);
  return dag;
}

/** Two workflows with the same name. */
export const twins = [1, 2].map((n) => {
  const dag = new Dag("twin");
  dag.node("n", () => n);
  return dag;
});

export const policed = new Dag("policed");
policed.node("source", () => new Float64Array(100_000).fill(1));
policed.node("risky", { needs: ["source"], fallback: (_: unknown, ctx: Context) => sizeOf(ctx.get("source")) }, () => {
  throw new Error("risky");
});
policed.node("flaky", { needs: ["source"], retry: { retries: 2, delay: 1 } }, (source: Float64Array, ctx: Context) => {
  if (ctx.attempt < 3) throw new Error("flaky");
  return source.length;
});
policed.node("where", { throttle: { limit: 100, interval: 1 }, concurrencyKey: { key: "policed", limit: 2 } }, where);

const sizeOf = (value: unknown) => (value as Float64Array).length;

export const refreshed = new Dag("refreshed");
refreshed.cachedNode("value", { ttl: 1e9, staleAfter: 0, key: "n" }, (n: number, ctx: Context) => [
  n,
  threadId,
  ctx.attempt,
  globalThis.crypto.randomUUID(),
]);

export const keyed = new Dag("keyed");
keyed.cachedNode("double", { key: "n" }, (n: number, hint: unknown) => (hint === undefined ? 0 : n * 2));

export const asking = new Dag("asking");
asking.node("ask", () => {
  throw new PauseRun("threads ask too", { data: { since: new Date(0) }, until: 2_000_000_000_000 });
});
export const confiding = new Dag("confiding");
confiding.node("ask", () => {
  throw new PauseRun("why", { data: { fn: () => {} } });
});
asking.node("key", { after: ["ask"] }, (ctx: Context) => ctx.idempotencyKey);

/** What every backend can do. */
export const common = repertoire(new Dag("repertoire"), {
  echo: (value: unknown) => value,
  fails: () => {
    throw new RangeError("no");
  },
  hangs: () => new Promise(() => {}),
});

/** Tells of each member of its context: what it is, or why it is not there. */
export const members = new Dag("members");
members.node("tell", { params: ["value", "ctx"] }, (_: unknown, ctx: Context) => {
  const read: Record<string, () => unknown> = {
    runId: () => ctx.runId,
    workflow: () => ctx.workflow,
    nodeName: () => ctx.nodeName,
    attempt: () => ctx.attempt,
    idempotencyKey: () => ctx.idempotencyKey,
    inputs: () => ({ ...ctx.inputs }),
    metadata: () => ({ ...ctx.metadata }),
    signal: () => ctx.signal.aborted,
    progress: () => ctx.progress(0.5),
    log: () => ctx.log("line"),
    metrics: () => (ctx.metrics.n = 1),
    get: () => ctx.get("none", 1),
    has: () => ctx.has("none"),
    results: () => Object.keys(ctx.results).length,
    run: () => void ctx.run(plain).catch(() => {}),
  };
  const told: Record<string, unknown> = {};
  for (const [name, get] of Object.entries(read)) {
    try {
      told[name] = get() ?? "done";
    } catch (error) {
      told[name] = String(error);
    }
  }
  return told;
});
