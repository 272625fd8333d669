/** What a worker thread does: finds nodes in the modules that define them, and executes them. */
import { AsyncLocalStorage } from "node:async_hooks";
import { serialize } from "node:v8";
import { LazyAbort } from "../base/abort.js";
import { show } from "../base/check.js";
import { inspect } from "../base/clone.js";
import { drive, pendingOf, type Coroutine } from "../base/coroutine.js";
import { encodeThrown } from "../base/error-codec.js";
import { messageOf, shortPath } from "../base/message.js";
import { readNodes } from "../definition/class-methods.js";
import type { Context } from "../definition/context.js";
import { paramCount } from "../definition/named-inputs.js";
import { isPause } from "../run/pause.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { Handover } from "./handover.js";
import type {
  Address,
  CallAnswer,
  CallContext,
  CallExtra,
  CallTask,
  ProbeAnswer,
  ProbeTask,
  Progress,
} from "./thread-protocol.js";
import { findClass, findDag, listen } from "./worker-modules.js";
import { serve, type Turn } from "./worker-tasks.js";

/** The turn of the node whose code it is. */
const inNode = new AsyncLocalStorage<Turn>();

/** The nodes of a workflow by name, or the reason why there are none. */
type Nodes = ReadonlyMap<string, NodeSpec> | string;

/** Instances live as long as their run is among the latest ones. */
const MOST_INSTANCES = 16;
/** The nodes of instances, by their address and run, the latest last. */
const instances = new Map<string, Nodes>();
/** The nodes of dags, by module and name. */
const dags = new Map<string, Map<string, Nodes>>();
const handover = new Handover();

const service = serve(
  (task, turn) => {
    if (!("op" in task)) return drive(call(task, turn));
    turn.notify({ began: true });
    return probe(task);
  },
  () => inNode.getStore(),
);
listen(() => inNode.getStore() !== undefined, service.loaded);
export default service.take;

/** By node, why it can't be executed here. */
async function probe({ address, nodes }: ProbeTask): Promise<ProbeAnswer> {
  let there: Nodes;
  try {
    there = await nodesAt(address, "");
  } catch (error) {
    there = `a worker can't make its instance: ${messageOf(error)}`;
  }
  return nodes.map(({ name, params }) => {
    if (typeof there === "string") return there;
    const spec = there.get(name);
    if (spec === undefined) return "its module, when imported, does not define this node";
    return paramCount(spec.signature) === params
      ? undefined
      : "its module, when imported, defines another node of this name";
  });
}

/** @param runId - each run has its own instance of a class; "" for a dag's nodes */
function known([module, workflow]: Address, runId: string): Nodes | undefined {
  return runId === "" ? dags.get(module)?.get(workflow) : instances.get(keyOf(module, workflow, runId));
}

function keyOf(...names: readonly string[]): string {
  return JSON.stringify(names);
}

async function nodesAt(address: Address, runId: string): Promise<Nodes> {
  const [module, workflow, args] = address;
  if (args === undefined) {
    const dag = await findDag(module, workflow);
    if (typeof dag === "string") return dag;
    const siblings = dags.get(module) ?? new Map<string, Nodes>();
    dags.set(module, siblings.set(workflow, dag.nodes));
    return dag.nodes;
  }
  const target = await findClass(module, workflow);
  if (typeof target === "string") return target;
  const instance = new (target as unknown as new (...args: readonly unknown[]) => object)(...args);
  const nodes = new Map(readNodes(instance).specs.map((spec) => [spec.name, spec]));
  if (runId === "") return nodes;
  instances.set(keyOf(module, workflow, runId), nodes);
  if (instances.size > MOST_INSTANCES) instances.delete(instances.keys().next().value as string);
  return nodes;
}

/** Waits for nothing where there is nothing to wait for: most nodes are small. */
function* call([address, name, inputs, extra]: CallTask, turn: Turn): Coroutine<CallAnswer> {
  const runId = extra?.runId ?? "";
  const nodes = known(address, runId) ?? ((yield nodesAt(address, runId)) as Nodes);
  const spec = typeof nodes === "string" ? undefined : nodes.get(name);
  if (spec === undefined)
    return { missing: typeof nodes === "string" ? nodes : "its module does not define this node" };
  const answer = yield* answerTo(spec, inputs, extra, turn);
  if (!Array.isArray(answer)) return answer;
  const { obstacle, buffers } = inspect(answer[0]);
  if (obstacle !== undefined) return { uncloneable: obstacle };
  if (buffers.length > 0) turn.moved = yield* handover.moving(spec.fn, answer[0], buffers);
  return answer;
}

function* answerTo(
  spec: NodeSpec,
  inputs: readonly unknown[],
  extra: CallExtra | undefined,
  turn: Turn,
): Coroutine<CallAnswer> {
  const context = extra?.context;
  const before = context === undefined ? undefined : snapshot(context);
  const args = context === undefined ? inputs : inputs.toSpliced(context.position, 0, contextOf(spec, context, turn));
  if (extra?.announces === true) turn.notify({ began: true });
  try {
    let value: unknown = inNode.run(turn, () => spec.fn.apply(spec.self, args as unknown[]));
    const pending = pendingOf(value);
    if (pending !== undefined) value = yield pending;
    if (context === undefined || before === undefined) return [value];
    const metadata = changes(context.metadata, before.metadata);
    const { obstacle } = inspect(metadata);
    if (obstacle !== undefined)
      throw new TypeError(`What the node wrote to ctx.metadata can't be cloned: ${shortPath(obstacle)}.`);
    const metrics = Object.entries(context.metrics).filter(([key, figure]) => before.metrics[key] !== figure);
    return [value, metadata, metrics];
  } catch (error) {
    return { thrown: encodeThrown(isPause(error) ? crossing(error) : error, canCross) };
  }
}

/** A pause that has all of its data on the other side, or an error that says why it has not. */
function crossing(pause: Error): Error {
  const { obstacle } = inspect(Reflect.get(pause, "data"));
  if (obstacle === undefined) return pause;
  return new TypeError(`The "data" of a PauseRun can't be cloned: ${shortPath(obstacle)}.`);
}

function canCross(value: unknown): boolean {
  return inspect(value).obstacle === undefined;
}

/** What may change: the bytes of each value, to be compared after the node has run, and the figures. */
function snapshot({ metadata, metrics }: CallContext) {
  const bytes = Object.entries(metadata).map(([key, value]) => [key, serialize(value)] as const);
  return { metadata: new Map(bytes), metrics: { ...metrics } };
}

function changes(record: Record<string, unknown>, before: ReadonlyMap<string, Buffer>): [string, unknown][] {
  return Object.entries(record).filter(([key, value]) => {
    const old = before.get(key);
    return old === undefined || !canCross(value) || !old.equals(serialize(value));
  });
}

function contextOf({ name }: NodeSpec, context: CallContext, turn: Turn): Context {
  const { runId, workflow, attempt, idempotencyKey, trigger, inputs, metadata, metrics } = context;
  const needs = new Map(context.needs);
  const abort = new LazyAbort();
  const notify = (...progress: Progress) => turn.notify({ progress });
  return {
    runId,
    workflow,
    nodeName: name,
    attempt,
    idempotencyKey,
    inputs,
    trigger,
    get signal() {
      // An abort ends the whole worker, so that this one never fires.
      return abort.signal;
    },
    metadata,
    metrics,
    get: (node, fallback) => (needs.has(node) ? needs.get(node) : fallback),
    has: (node) => needs.has(node),
    get results() {
      return Object.assign(Object.create(null) as object, Object.fromEntries(needs));
    },
    progress(fraction, message) {
      if (typeof fraction !== "number" || !(fraction >= 0 && fraction <= 1)) {
        throw new RangeError(`"fraction" must be a number, from 0 to 1; received ${show(fraction)}.`);
      }
      notify(fraction, message);
    },
    log: (message) => notify(undefined, message),
  };
}
