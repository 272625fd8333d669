/** A live dag's nodes on worker threads. Workers import them. */
import { Dag } from "dagwright";

/** Spins for ever when `n` is 1. Counts its calls in shared memory. */
export const liveSpin = new Dag("live spin");
liveSpin.node("spin", (n: number, gauge: Int32Array) => {
  Atomics.add(gauge, 0, 1);
  while (n === 1);
  return n;
});
liveSpin.node("after", { needs: ["spin"] }, (n: number) => n + 1);

// At the top level, as a script would: a worker that imports this module runs nothing.
export const idle = new Dag("idle");
idle.node("a", () => "ran");
export const idleLive = idle.live();
