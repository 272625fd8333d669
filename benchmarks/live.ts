/**
 * What does it cost to keep a dag up to date?
 *
 * One input of a graph of 10,000 nodes changes, and everything that depends on it is computed: next to
 * `@preact/signals-core`, whose effects hear of each sink. Also 100 changes a frame: all before the turn ends, and one by
 * one. Both take turns in one process; printed are medians, in µs of processor time a change. Every answer is checked.
 * Last, the memory that a million changes leave behind.
 */
import { batch, computed, effect, signal, type ReadonlySignal } from "@preact/signals-core";
import { Dag } from "dagwright";
import { expectSame, round, takeTurns, verdict } from "./measure.js";

const SIZE = 10_000;

/** By node, its needs: the number of an earlier node, or -1 - i for input i. */
type Graph = readonly (readonly number[])[];

interface Shape {
  readonly graph: Graph;
  /** How many inputs change. */
  readonly inputs: number;
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** Signals compute a chain by recursion, and so none of 10,000 nodes. */
const chains = (count: number, length: number): Graph =>
  range(count * length).map((i) => [i % length === 0 ? -1 - i / length : i - 1]);

const WIDTH = 100;

const shapes: Record<string, Shape> = {
  wide: { graph: range(SIZE).map((i) => [-1 - i]), inputs: SIZE },
  chain: { graph: chains(10, SIZE / 10), inputs: 10 },
  layered: {
    graph: range(SIZE).map((i) => {
      if (i < WIDTH) return [-1 - i];
      const first = i - (i % WIDTH) - WIDTH;
      return [0, 1, 7].map((step) => first + ((i + step) % WIDTH));
    }),
    inputs: WIDTH,
  },
  diamond: { graph: [[-1], ...range(SIZE - 2).map(() => [0]), range(SIZE - 2).map((i) => i + 1)], inputs: 1 },
};

const plus = (a: number) => (a + 1) % 1_000_003;
const sum = (a: number, b: number, c: number) => (a + b + c + 1) % 1_000_003;

const total = (values: readonly number[]) => values.reduce((all, value) => all + value, 0) % 1_000_003;

interface Contender {
  /** How many changes it has had. */
  changes: number;
  set(input: number, value: number): void;
  settled(): unknown;
  /** Sets several inputs as one change. */
  batch(change: () => void): void;
  values(): readonly number[];
}

function sinksOf(graph: Graph): number[] {
  const needed = new Set(graph.flat());
  return graph.flatMap((_, i) => (needed.has(i) ? [] : [i]));
}

function liveDag({ graph, inputs }: Shape): Contender {
  const dag = new Dag<any>("graph", { autowire: false });
  const names = range(inputs).map((i) => `x${i}`);
  graph.forEach((needs, i) => {
    const sources = needs.filter((need) => need >= 0).map((need) => `n${need}`);
    const own = needs.filter((need) => need < 0).map((need) => names[-1 - need]);
    const options = { needs: sources, params: own.length > 0 ? own : undefined };
    if (needs.length === 1) dag.node(`n${i}`, options, plus);
    else if (needs.length === 3) dag.node(`n${i}`, options, sum);
    // After the values comes the context.
    else dag.node(`n${i}`, options, (...values: number[]) => total(values.slice(0, needs.length)));
  });
  const live = dag.live({ inputs: Object.fromEntries(names.map((name) => [name, 0])) });
  const sinks = sinksOf(graph).map((node) => `n${node}`);
  return {
    changes: 0,
    set: (input, value) => live.set(names[input], value),
    settled: () => live.settled(),
    batch: (change) => change(),
    values: () => sinks.map((sink) => live.get(sink) as number),
  };
}

function signals({ graph, inputs }: Shape): Contender {
  const given = range(inputs).map(() => signal(0));
  const nodes: ReadonlySignal<number>[] = [];
  for (const needs of graph) {
    const sources = needs.map((need) => (need < 0 ? given[-1 - need] : nodes[need]));
    const [a, b, c] = sources;
    if (sources.length === 1) nodes.push(computed(() => plus(a.value)));
    else if (sources.length === 3) nodes.push(computed(() => sum(a.value, b.value, c.value)));
    else nodes.push(computed(() => total(sources.map(({ value }) => value))));
  }
  const sinks = sinksOf(graph);
  const values = sinks.map(() => 0);
  sinks.forEach((node, k) => effect(() => void (values[k] = nodes[node].value)));
  return {
    changes: 0,
    set: (input, value) => (given[input].value = value),
    settled: () => undefined,
    batch,
    values: () => values,
  };
}

/** A way of changing inputs, 100 changes a frame. */
type Frame = (contender: Contender, set: () => void) => void | Promise<void>;

const FRAMES: Record<string, Frame> = {
  "one by one": async (contender, set) => {
    for (let i = 0; i < 100; i++) {
      set();
      await contender.settled();
    }
  },
  "all at once": async (contender, set) => {
    contender.batch(() => {
      for (let i = 0; i < 100; i++) set();
    });
    await contender.settled();
  },
};

/** The sinks' values for the inputs that `changes` changes leave, computed in a loop. */
function expectedAfter({ graph, inputs }: Shape, changes: number): number[] {
  const given = range(inputs).map(() => 0);
  for (let step = Math.max(1, changes - inputs + 1); step <= changes; step++) given[step % inputs] = step;
  const values: number[] = [];
  for (const needs of graph) {
    const [a, b, c] = needs.map((need) => (need < 0 ? given[-1 - need] : values[need]));
    if (needs.length === 1) values.push(plus(a));
    else values.push(needs.length === 3 ? sum(a, b, c) : total(needs.map((need) => values[need])));
  }
  return sinksOf(graph).map((node) => values[node]);
}

/** A turn of a contender: some frames. */
function turnsOf(contender: Contender, { shape, frame, frames }: { shape: Shape; frame: Frame; frames: number }) {
  let step = contender.changes;
  const set = () => {
    step++;
    contender.set(step % shape.inputs, step);
  };
  return async () => {
    for (let i = 0; i < frames; i++) await frame(contender, set);
    contender.changes = step;
    return contender;
  };
}

const only = process.argv[2];
for (const [shapeName, shape] of Object.entries(shapes)) {
  if (only !== undefined && shapeName !== only) continue;
  const [live, peer] = [liveDag(shape), signals(shape)];
  await live.settled();
  for (const [frameName, frame] of Object.entries(FRAMES)) {
    const frames = frameName === "one by one" && shapeName !== "wide" ? 1 : 100;
    const turns = { shape, frame, frames };
    const times = await takeTurns(
      { live: turnsOf(live, turns), signals: turnsOf(peer, turns) },
      {
        rounds: 15,
        expected: true,
        answerOf: (contender) => {
          const expected = expectedAfter(shape, contender.changes);
          return contender.values().every((value, sink) => value === expected[sink]);
        },
      },
    );
    const [own, other] = [times.live, times.signals].map((ms) => (ms * 1e3) / (frames * 100));
    const what = `${shapeName}, ${frameName}`;
    verdict(`${what}, ${round(own)} µs a change, live / signals`, own / other, "≤", 2);
  }
}

const dag = new Dag<any>("memory");
dag.node("a", (x: number) => ({ x }));
dag.node("b", { needs: ["a"] }, ({ x }: { x: number }) => x);
const live = dag.live({ inputs: { x: -1 } });
const heap = async () => {
  await live.settled();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};
const change = async (times: number) => {
  for (let i = 0; i < times; i++) {
    live.set("x", i);
    if (i % 10 === 0) await live.settled();
  }
};
await change(10_000);
const before = await heap();
await change(1_000_000);
const after = await heap();
expectSame(live.get("b"), 999_999, "the last change");
verdict("memory kept after 1,000,000 changes, MiB", after - before, "≤", 1);
