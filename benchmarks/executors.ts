/**
 * How close do the executors come to the shortest possible run?
 *
 * Runs 200 random dags with random durations on a simulated clock. Compares the time of a run to its critical path if there
 * is a slot for every node, and to the lower bound (critical path, or work / slots) if there are few. Graham showed in 1966
 * that a schedule that never leaves a slot idle while a node is ready stays below 2 - 1/m times that bound.
 */
import { Dag, type ExecutorName } from "dagwright";
import { expectSame, round, verdict } from "./measure.js";

const DAGS = 200;
const EXECUTORS = ["workQueue", "reactive", "level"] as const satisfies ExecutorName[];
const SLOTS = [2, 4, 8];

/** A clock that advances only when nothing else can happen. */
class SimulatedClock {
  now = 0;
  private readonly sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.sleepers.push({ at: this.now + ms, wake });
      this.sleepers.sort((a, b) => b.at - a.at);
    });
  }

  /** Waits until `work` has settled; returns how long that took. */
  async time(work: Promise<unknown>): Promise<number> {
    const start = this.now;
    let done = false;
    const settled = work.finally(() => (done = true));
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (done) break;
      const next = this.sleepers.pop();
      if (next === undefined) throw new Error("The run has not ended, but nothing is left to wait for.");
      this.now = next.at;
      next.wake();
    }
    await settled;
    return this.now - start;
  }
}

/** Park and Miller's random number generator, for the same dags every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

interface Plan {
  readonly durations: readonly number[];
  readonly needs: readonly (readonly number[])[];
}

function randomPlan(seed: number): Plan {
  const random = generator(seed + 1);
  const size = 10 + Math.floor(random() * 50);
  const density = random() * 4;
  const needs = Array.from({ length: size }, (_, i) => {
    const sources = new Set<number>();
    for (let k = random() * density; k >= 1 && i > 0; k--) sources.add(Math.floor(random() * i));
    return Array.from(sources);
  });
  return { needs, durations: Array.from({ length: size }, () => Math.ceil(random() ** 3 * 1000)) };
}

function criticalPath({ durations, needs }: Plan): number {
  const ends: number[] = [];
  durations.forEach((ms, i) => ends.push(ms + Math.max(0, ...needs[i].map((source) => ends[source]))));
  return Math.max(...ends);
}

function build({ durations, needs }: Plan, clock: SimulatedClock): Dag {
  const dag = new Dag("random");
  durations.forEach((ms, i) => {
    const options = { needs: needs[i].map((source) => `n${source}`), params: needs[i].map((source) => `p${source}`) };
    dag.node(`n${i}`, options, () => clock.sleep(ms).then(() => i));
  });
  return dag;
}

const clock = new SimulatedClock();
for (const executor of EXECUTORS) {
  const ratios: number[] = [];
  const limited = new Map(SLOTS.map((slots) => [slots, [] as number[]]));
  for (let seed = 0; seed < DAGS; seed++) {
    const plan = randomPlan(seed);
    const dag = build(plan, clock);
    const path = criticalPath(plan);
    const running = dag.run({ mode: "async", executor });
    ratios.push((await clock.time(running)) / path);
    expectSame(Object.keys((await running).results).length, plan.durations.length, "the number of results");
    const work = plan.durations.reduce((sum, ms) => sum + ms, 0);
    for (const [slots, list] of limited) {
      const bound = Math.max(path, work / slots);
      list.push((await clock.time(dag.run({ mode: "async", executor, concurrency: slots }))) / bound);
    }
  }
  const worst = Math.max(...ratios);
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  if (executor === "level")
    console.log(`level: makespan / critical path ${round(mean)} on average, ${round(worst)} at worst`);
  else verdict(`${executor}: makespan / critical path, worst of ${DAGS}`, worst, "≤", 1.001);
  for (const [slots, list] of limited) {
    const most = Math.max(...list);
    const what = `${executor}, ${slots} slots: makespan / lower bound`;
    if (executor === "level") console.log(`${what} ${round(most)} at worst`);
    else verdict(`${what}, worst of ${DAGS}`, most, "≤", 2 - 1 / slots);
  }
}
