/** A workflow whose first node leaves code running that fails later: workers import it. */
import { Dag } from "dagwright";

/** How that code fails. */
const ways = {
  rejection: () => void Promise.reject(new Error("stray")),
  timer: () =>
    setTimeout(() => {
      throw new Error("stray");
    }),
  microtask: () =>
    queueMicrotask(() => {
      throw new Error("stray");
    }),
  tick: () =>
    process.nextTick(() => {
      throw new Error("stray");
    }),
  undefined: () =>
    queueMicrotask(() => {
      throw undefined;
    }),
  exit: () => process.exit(3),
};
export type Way = keyof typeof ways;

/** How many nodes this thread has executed. */
let count = 0;

/** The code of the first node fails when the second one raises the flag, which then goes on for a while. */
export const stray = new Dag("stray");
stray.node("leaves", (way: Way, flag: Int32Array) => {
  const poll = () => void (Atomics.load(flag, 0) === 1 ? ways[way]() : setTimeout(poll, 1));
  poll();
  return ++count;
});
stray.node("innocent", { after: ["leaves"] }, async (flag: Int32Array) => {
  Atomics.store(flag, 0, 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return ++count;
});
stray.node("next", { after: ["innocent"] }, () => ++count);
