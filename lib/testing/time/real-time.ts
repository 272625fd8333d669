import type { OutsideTime } from "../../base/clockwork.js";

/** Those of the process, even if fake timers have replaced them since. */
const { setTimeout } = globalThis;
const { hrtime } = process;

/** The time of the system. */
export const realTime: OutsideTime = {
  now: () => Number(hrtime.bigint()) / 1e6,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
