/** What a worker thread does: finds nodes in the modules that define them, and executes them. Loaded by piscina. */
import { AsyncLocalStorage } from "node:async_hooks";
import { serialize } from "node:v8";
import { parentPort } from "node:worker_threads";
import { move } from "piscina";
import { inspect } from "../base/clone.js";
import { encodeThrown } from "../base/error-codec.js";
import { readNodes } from "../definition/class-methods.js";
import type { Context } from "../definition/context.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { Handover } from "./handover.js";
import type { Address, CallAnswer, CallTask, Notice, ProbeAnswer, ProbeTask } from "./thread-protocol.js";
import { findClass, findDag, listen } from "./worker-modules.js";

const inNode = new AsyncLocalStorage<true>();
listen(() => inNode.getStore() === true);

/** The nodes of a workflow by name, or the reason why there are none. */
type Nodes = ReadonlyMap<string, NodeSpec> | string;

/** Instances live as long as their run is among the latest ones. */
const MOST_INSTANCES = 16;
const instances = new Map<string, Nodes>();
const handover = new Handover();

export default function execute(task: ProbeTask | CallTask): Promise<unknown> {
  return task.op === "probe" ? probe(task) : call(task);
}

async function probe({ address, nodes }: ProbeTask): Promise<ProbeAnswer> {
  let found: Nodes;
  try {
    found = await nodesAt(address, "");
  } catch (error) {
    found = `a worker can't make its instance: ${String(error)}`;
  }
  return nodes.map(({ name, inputs }) => {
    if (typeof found === "string") return found;
    const spec = found.get(name);
    if (spec === undefined) return "its module, when imported, does not define this node";
    return spec.signature.inputs.length === inputs
      ? undefined
      : "its module, when imported, defines another node of this name";
  });
}

/** @param runId - each run has its own instance of a class */
async function nodesAt(address: Address, runId: string): Promise<Nodes> {
  const { module, workflow } = address;
  if (address.kind === "dag") {
    const dag = await findDag(module, workflow);
    return typeof dag === "string" ? dag : dag.nodes;
  }
  const key = JSON.stringify([module, workflow, runId]);
  const known = instances.get(key);
  if (known !== undefined) return known;
  const target = await findClass(module, workflow);
  if (typeof target === "string") return target;
  const instance = new (target as unknown as new (...args: readonly unknown[]) => object)(...address.args);
  const nodes = new Map(readNodes(instance).specs.map((spec) => [spec.name, spec]));
  if (runId === "") return nodes;
  instances.set(key, nodes);
  if (instances.size > MOST_INSTANCES) instances.delete(instances.keys().next().value as string);
  return nodes;
}

async function call(task: CallTask): Promise<unknown> {
  const answer = await answerTo(task);
  if (!("value" in answer)) return answer;
  const { obstacle, buffers } = inspect(answer.value);
  if (obstacle !== undefined) return { uncloneable: obstacle } satisfies CallAnswer;
  const moved = buffers.length === 0 ? [] : await handover.moving(task.node, answer.value, buffers);
  if (moved.length === 0) return answer;
  // Piscina takes a value and what to transfer of it from an object with these two members.
  return move({
    get [Symbol.for("Piscina.transferable")]() {
      return moved;
    },
    get [Symbol.for("Piscina.valueOf")]() {
      return answer;
    },
  } as never);
}

async function answerTo(task: CallTask): Promise<CallAnswer> {
  const nodes = await nodesAt(task.address, task.context.runId);
  const spec = typeof nodes === "string" ? undefined : nodes.get(task.node);
  if (spec === undefined)
    return { missing: typeof nodes === "string" ? nodes : "its module does not define this node" };
  const { metadata, metrics } = task.context;
  const before = snapshot(metadata);
  const figures = { ...metrics };
  const args = [...task.inputs];
  if (task.contextAt >= 0) args.splice(task.contextAt, 0, contextOf(task));
  if (task.announce) parentPort?.postMessage({ dagwright: "began", id: task.id } satisfies Notice);
  try {
    const value = await inNode.run(true, () => spec.fn.apply(spec.self, args));
    const written = changes(metadata, before);
    const { obstacle } = inspect(written);
    if (obstacle !== undefined)
      return { thrown: encodeThrown(new Error(`ctx.metadata${obstacle} can't be cloned`), canCross) };
    return {
      value,
      metadata: written,
      metrics: Object.entries(metrics).filter(([key, figure]) => figures[key] !== figure),
    };
  } catch (error) {
    return { thrown: encodeThrown(error, canCross) };
  }
}

function canCross(value: unknown): boolean {
  return inspect(value).obstacle === undefined;
}

/** The bytes of each value, to be compared after the node has run. */
function snapshot(record: Record<string, unknown>): ReadonlyMap<string, Buffer> {
  return new Map(Object.entries(record).map(([key, value]) => [key, serialize(value)]));
}

function changes(record: Record<string, unknown>, before: ReadonlyMap<string, Buffer>): [string, unknown][] {
  return Object.entries(record).filter(([key, value]) => {
    const old = before.get(key);
    return old === undefined || !canCross(value) || !old.equals(serialize(value));
  });
}

function contextOf({ id, node, context }: CallTask): Context {
  const { runId, workflow, attempt, trigger, inputs, metadata, metrics } = context;
  const needs = new Map(context.needs);
  const notify = (fraction: number | undefined, message: string | undefined) =>
    parentPort?.postMessage({ dagwright: "progress", id, fraction, message } satisfies Notice);
  return {
    runId,
    workflow,
    nodeName: node,
    attempt,
    inputs,
    trigger,
    // An abort ends the whole worker, so that this one never fires.
    signal: new AbortController().signal,
    metadata,
    metrics,
    get: (name, fallback) => (needs.has(name) ? needs.get(name) : fallback),
    has: (name) => needs.has(name),
    get results() {
      return Object.assign(Object.create(null) as object, Object.fromEntries(needs));
    },
    progress(fraction, message) {
      if (typeof fraction !== "number" || !(fraction >= 0 && fraction <= 1)) {
        throw new RangeError(`"fraction" must be a number, from 0 to 1; received ${String(fraction)}.`);
      }
      notify(fraction, message);
    },
    log: (message) => notify(undefined, message),
  };
}
