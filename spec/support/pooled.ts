/** Workflows for specs of thread pools. Workers import them. */
import { isMainThread, MessagePort, parentPort } from "node:worker_threads";
import { Dag, type Context } from "dagwright";

/** Shared counters: nodes running now, the most at once, and how many ran on the main thread. */
export const newCounts = () => new Int32Array(new SharedArrayBuffer(12));

async function counted(counts: Int32Array, ms: number): Promise<boolean> {
  const now = Atomics.add(counts, 0, 1) + 1;
  for (let most = Atomics.load(counts, 1); now > most; most = Atomics.load(counts, 1)) {
    Atomics.compareExchange(counts, 1, most, now);
  }
  if (isMainThread) Atomics.add(counts, 2, 1);
  await new Promise((resolve) => setTimeout(resolve, ms));
  Atomics.sub(counts, 0, 1);
  return isMainThread;
}

/** Plain nodes with `backend: "thread"`. */
export const marked = new Dag("marked nodes");
for (const name of ["a", "b", "c", "d"]) marked.node(name, { backend: "thread" }, counted);

/** A node that takes `ms`. */
export const lasting = new Dag("lasting");
lasting.node("wait", (ms: number) => new Promise((resolve) => setTimeout(() => resolve(isMainThread), ms)));

/** Messages that no worker sends by itself. */
export const HOSTILE: readonly unknown[] = [
  null,
  "ready",
  [],
  [1, 2],
  [1, [["key"]], [["figure", "no number"]]],
  { thrown: 1 },
  { thrown: { error: { name: "E", message: "m", cause: { error: null } } } },
  { progress: "half" },
  { progress: [7, "more than all"] },
  { started: 1 },
  new Map([["thrown", 1]]),
];

/** Posts these to the parent, and messages that look like reports about other nodes. */
export const posting = new Dag("posting");
posting.node("posts", async () => {
  for (let round = 0; round < 20; round++) {
    for (const message of HOSTILE) parentPort?.postMessage(message);
    for (let id = 0; id < 20; id++) parentPort?.postMessage({ id, started: false, progress: [0.5, "forged"] });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return "posted";
});
posting.node("tells", async (ctx: Context) => {
  for (let i = 0; i < 5; i++) {
    ctx.progress(i / 5, "own");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return "told";
});

/** Patches a global of its thread, so that another message is sent as its answer. */
export const patching = new Dag("patching");
patching.node("patches", (message: number) => {
  const own = Reflect.get(MessagePort.prototype, "postMessage") as (message: unknown) => void;
  MessagePort.prototype.postMessage = function (this: MessagePort) {
    own.call(this, HOSTILE[message]);
  };
  return 1;
});
patching.node("next", { after: ["patches"] }, () => "fine");

/** Returns a value that looks cloneable only when it is read first, without reporting errors if `isSilent`. */
export const changing = new Dag("changing");
changing.node("change", (isSilent: boolean) => {
  if (isSilent) process.on("uncaughtException", () => {});
  let reads = 0;
  return Object.defineProperty({}, "value", { enumerable: true, get: () => (reads++ === 0 ? 1 : () => 1) });
});
changing.node("next", { after: ["change"] }, () => "fine");

/** Closes the port to the parent. The next node on that thread has a timeout. */
export const closing = new Dag("closing");
closing.node("closes", () => {
  parentPort?.removeAllListeners();
  parentPort?.close();
});
closing.node("hangs", { after: ["closes"], timeout: 100 }, () => new Promise(() => {}));
closing.node("next", { after: ["closes"] }, (ctx: Context) => ctx.log("still received"));
