import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, route, subworkflow, type RunEvent, type RunResult } from "dagwright";
import { sqliteStore } from "dagwright/store";
import { copied, givenFor } from "../support/data.js";
import { observed } from "../support/observed.js";
import { buildChoices, isCircular, randomChoices } from "../support/random-choices.js";
import { build, randomDags } from "../support/random-dag.js";

const steadyDags = randomDags(8).filter(
  (nodes) => !nodes.some(({ kind, needs }) => kind === "any" && needs.length > 1),
);

const cores = fc.oneof(
  steadyDags.map((nodes) => build(nodes)),
  randomChoices(8)
    .filter((nodes) => !isCircular(nodes))
    .map((nodes) => buildChoices(nodes)),
);

/** What JSON keeps, and what it would change. */
const custom = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "$value", "a.b")),
  fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.anything({ withDate: true, withBigInt: true, withMap: true, withTypedArray: true, maxDepth: 2 }),
  ),
);

const options = fc.record(
  {
    description: fc.string(),
    metadata: custom,
    retry: fc.oneof(fc.nat(1), fc.record({ retries: fc.nat(1), delay: fc.constant(0) }, { requiredKeys: ["delay"] })),
    timeout: fc.integer({ min: 10_000, max: 20_000 }),
    priority: fc.constantFrom("critical" as const, "low" as const, 7),
    errorStrategy: fc.constantFrom("continue" as const, "continueNone" as const),
    cache: fc.record({ ttl: fc.constant(5000), version: fc.string({ minLength: 1 }) }),
    hooks: fc.constant({ cleanup: () => undefined, postExecute: () => undefined }),
    fallback: fc.oneof(
      fc.jsonValue(),
      fc.constant(() => "fell"),
    ),
    circuitBreaker: fc.record({ failureThreshold: fc.constant(1000) }),
    throttle: fc.record({ limit: fc.constant(100_000), interval: fc.constant(1) }),
  },
  { requiredKeys: [] },
);

type Layer = "node" | "map" | "state" | "cases" | "twice";
const layers = fc.array(
  fc.record({ layer: fc.constantFrom<Layer>("node", "map", "state", "cases", "twice"), options, name: fc.string() }),
  { minLength: 1, maxLength: 4 },
);

/** Puts a workflow into another one. */
function within(inner: Dag<any> | Fsm<any>, { layer, options, name }: { layer: Layer; options: any; name: string }) {
  if (layer === "state") {
    const fsm = new Fsm<any>(`in ${name}`, { metadata: options.metadata });
    fsm.state("begin", { initial: true }, () => next("inner"));
    fsm.state("inner", options, inner);
    fsm.state("end", { terminal: true }, (value: unknown) => value);
    return fsm.addTransition("inner", "end", (value) => value !== null).addTransition("inner", "end");
  }
  const dag = new Dag<any>(`in ${name}`, { metadata: options.metadata });
  if (layer === "cases") {
    dag.node("pick", () => [route("left", 1), route("a.b", 2)]);
    const cases = { left: subworkflow(inner), "a.b": (item: number) => item };
    dag.map("routed", { ...options, cache: undefined, needs: ["pick"], onItemError: "skip" }, { cases });
  } else if (layer === "map") {
    dag.node("list", () => ["a", "b"]);
    const reduce = { initial: 0, fn: (count: number) => count + 1 };
    dag.map("inner", { ...options, cache: undefined, needs: [], after: ["list"], concurrency: 2 }, inner);
    dag.configureNode("inner", { needs: inner.inputs.length === 0 ? [] : ["list"] });
    dag.map("counted", { ...options, cache: undefined, needs: ["list"], reduce }, (item: string) => item);
  } else {
    dag.node("inner", options, inner);
    if (layer === "twice") dag.node("again", { after: ["inner"] }, subworkflow(inner));
  }
  return dag;
}

const definitions = fc
  .tuple(cores, layers)
  .map(([core, list]) => list.reduce((inner, layer) => within(inner, layer) as never, core as Dag<any> | Fsm<any>))
  // So that all of them are dags.
  .map((inner) => within(inner, { layer: "node", options: {}, name: "outermost" }) as Dag<any>);

const SETTINGS = { mode: "async", concurrency: 1, errorStrategy: "continue" } as const;

async function outcomeOf(run: Promise<RunResult<any>>) {
  const result = await run.catch((error: Error & { run?: RunResult }) => error.run ?? error.message);
  return typeof result === "string" ? result : { ...observed(result), errors: result.errors.map(String) };
}

describe("A random definition", () => {
  it("is the same after it was written and read: as data, as a diagram, and in its runs", async () => {
    await fc.assert(
      fc.asyncProperty(definitions, async (dag) => {
        const json = copied(dag);
        const again = Dag.fromJSON<any>(JSON.stringify(json), givenFor(dag));
        expect(copied(again)).toEqual(json);
        expect(copied(Dag.fromYAML(dag.toYAML(), givenFor(dag)))).toEqual(json);
        expect(again.validate()).toEqual(dag.validate());
        if (!dag.isValid) return;
        expect([again.edges, again.inputs, again.levels]).toEqual([dag.edges, dag.inputs, dag.levels]);
        expect([again.toMermaid(), again.toDot()]).toEqual([dag.toMermaid(), dag.toDot()]);
        expect(await outcomeOf(again.run(SETTINGS))).toEqual(await outcomeOf(dag.run(SETTINGS)));
      }),
      { numRuns: 60 },
    );
  });

  it("continues the recorded runs of the one that it was written from", async () => {
    const store = sqliteStore(":memory:");
    await fc.assert(
      fc.asyncProperty(definitions, fc.nat(6), async (dag, starts) => {
        const again = Dag.fromJSON<any>(copied(dag), givenFor(dag));
        fc.pre(dag.isValid);
        const whole = await outcomeOf(dag.run(SETTINGS));
        const controller = new AbortController();
        let started = 0;
        const observer = (event: RunEvent) => {
          if (event.type === "attempt.started" && started++ === starts) controller.abort();
        };
        const first = await dag
          .run({ ...SETTINGS, store, signal: controller.signal, observers: [observer] })
          .catch((error: { run: RunResult }) => error.run);
        await first.recorded;
        const resumed = await outcomeOf(again.resume(first.runId, { ...SETTINGS, store }));
        expect(resumed).toEqual(whole);
      }),
      { numRuns: 25 },
    );
    await store.close();
  });
});
