/** Workflows for specs of errors that nodes leave behind on their threads. Workers import them. */
import { Dag } from "dagwright";

/** Ways in which code that a node left behind can fail. */
const ways = {
  rejection: () => void Promise.reject(new Error("left behind")),
  timer: () =>
    setTimeout(() => {
      throw new Error("left behind");
    }),
  microtask: () =>
    queueMicrotask(() => {
      throw new Error("left behind");
    }),
  tick: () =>
    process.nextTick(() => {
      throw new Error("left behind");
    }),
  nothing: () =>
    queueMicrotask(() => {
      throw undefined;
    }),
  exit: () => process.exit(3),
};
export type Way = keyof typeof ways;

/** How many nodes this thread has executed. */
let count = 0;

/** The first node leaves code behind that fails when the flag is set; the second one sets it, and runs for a while. */
export const leaving = new Dag("leaving");
leaving.node("leaves", (way: Way, flag: Int32Array) => {
  const look = () => void (Atomics.load(flag, 0) === 1 ? ways[way]() : setTimeout(look, 1));
  look();
  return ++count;
});
leaving.node("innocent", { after: ["leaves"] }, async (flag: Int32Array) => {
  Atomics.store(flag, 0, 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return ++count;
});
leaving.node("next", { after: ["innocent"] }, () => ++count);
