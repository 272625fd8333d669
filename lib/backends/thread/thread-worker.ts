/** The entry of worker threads: finds nodes in the modules that define them, and executes them. */
import { AsyncLocalStorage } from "node:async_hooks";
import { serialize } from "node:v8";
import { LazyAbort } from "../../base/abort.js";
import { restoreInstances } from "../../base/brand.js";
import { show } from "../../base/check.js";
import { inspect } from "../../base/clone.js";
import { drive, pendingOf, type Coroutine } from "../../base/coroutine.js";
import { encodeThrown } from "../../base/error-codec.js";
import { asText, messageOf, shortPath } from "../../base/message.js";
import { define } from "../../base/objects.js";
import { readSnapshot, type Snapshot } from "../../base/snapshot.js";
import { withinTrace } from "../../base/within-trace.js";
import type { Context } from "../../definition/context.js";
import { current, followContexts } from "../../definition/current-context.js";
import { paramCount } from "../../definition/specs/named-inputs.js";
import { checkedMetrics } from "../../run/checked-metrics.js";
import { NodeContext } from "../../run/context.js";
import { logLine } from "../../run/log-line.js";
import { isPause } from "../../run/pause.js";
import type { Class } from "../../base/class-state.js";
import type { NodeFunction, NodeSpec } from "../../definition/specs/node-spec.js";
import { BufferTransfer } from "./buffer-transfer.js";
import { serveTasks, type TaskScope } from "./task-service.js";
import type {
  Address,
  CallAnswer,
  CallContext,
  CallExtra,
  CallTask,
  Callee,
  Completed,
  ProbeAnswer,
  ProbedNode,
  ProbeTask,
} from "./thread-protocol.js";
import { findClass, findDag, listen } from "./worker-modules.js";

/** The scope of the task whose code runs. */
const taskScope = new AsyncLocalStorage<TaskScope>();
current.onMissing = () => {
  if (taskScope.getStore() === undefined) return;
  throw new Error(
    "getContext() has no context on this thread, because it was not sent with the node. Call getContext() once in the " +
      "module that calls it, outside of any function, or give the node's function a parameter ctx.",
  );
};

/** The nodes of a dag by name, or why it is not found. */
type Nodes = ReadonlyMap<string, NodeSpec> | string;
type Instance = Readonly<Record<string, unknown>>;

/** A node's function, and its `this`. */
interface Callable {
  readonly fn: NodeFunction;
  readonly self: unknown;
}

/** The maximum number of runs with instances here; the oldest are dropped. */
const MOST_INSTANCES = 16;
/** By address and run, the latest last. */
const instances = new Map<string, Instance>();
/** The nodes of dags, by module and name. */
const dags = new Map<string, Map<string, Nodes>>();
const bufferTransfer = new BufferTransfer();

const service = serveTasks(
  (task, scope) => {
    if (!("op" in task)) return drive(call(task, scope));
    scope.send({ started: true });
    return probe(task);
  },
  () => taskScope.getStore(),
);
listen(() => taskScope.getStore() !== undefined, service.loaded);
export default service.handle;

/** By node, why it can't be executed here; undefined where it can. */
async function probe({ address, nodes, constructs }: ProbeTask): Promise<ProbeAnswer> {
  if (address.length > 2) return probeClass(address, nodes, constructs);
  const found = await nodesAt(address);
  return nodes.map(({ name, params }) => {
    if (typeof found === "string") return found;
    const spec = found.get(name);
    if (spec === undefined) return "its module, when imported, does not define this node";
    return paramCount(spec.signature) === params
      ? undefined
      : "its module, when imported, defines another node of this name";
  });
}

async function probeClass(
  [module, name]: Address,
  nodes: readonly ProbedNode[],
  constructs: boolean,
): Promise<ProbeAnswer> {
  const target = await findClass(module, name);
  if (typeof target === "string") return nodes.map(() => target);
  let instance: object;
  try {
    instance = constructs ? construct(target) : (target.prototype as object);
  } catch (error) {
    return nodes.map(() => `a worker can't create its instance: ${messageOf(error)}`);
  }
  return nodes.map(({ method }) =>
    method !== undefined && typeof Reflect.get(instance, method) === "function" ? undefined : NO_METHOD,
  );
}

const NO_METHOD = "its class has no such method when its module is imported";

async function nodesAt([module, workflow]: Address): Promise<Nodes> {
  const dag = await findDag(module, workflow);
  if (typeof dag === "string") return dag;
  const siblings = dags.get(module) ?? new Map<string, Nodes>();
  dags.set(module, siblings.set(workflow, dag.nodes));
  return dag.nodes;
}

function keyOf([module, workflow]: Address, { runId }: Callee): string {
  return JSON.stringify([module, workflow, runId]);
}

async function createInstance(address: Address, callee: Callee): Promise<Instance | string> {
  const { fields } = callee;
  const target = await findClass(address[0], address[1]);
  if (typeof target === "string") return target;
  const instance = fields === undefined ? construct(target) : recreate(target, fields);
  instances.set(keyOf(address, callee), instance);
  if (instances.size > MOST_INSTANCES) instances.delete(instances.keys().next().value as string);
  return instance;
}

function construct(target: Class): Instance {
  return new (target as unknown as new () => Instance)();
}

/** Creates an instance from its fields, without its constructor. */
function recreate(target: Class, fields: Snapshot): Instance {
  const instance = Object.create(target.prototype as object) as Instance;
  for (const [key, value] of readSnapshot(fields) as [string, unknown][]) define(instance, key, value);
  return instance;
}

/** A node's function, or why it is not found. Waits only for a module or instance that is new here. */
function* callableFor(address: Address, name: string, callee: Callee | undefined): Coroutine<Callable | string> {
  if (callee === undefined) {
    const nodes = dags.get(address[0])?.get(address[1]) ?? ((yield nodesAt(address)) as Nodes);
    if (typeof nodes === "string") return nodes;
    return nodes.get(name) ?? "its module does not define this node";
  }
  const self = instances.get(keyOf(address, callee)) ?? ((yield createInstance(address, callee)) as Instance | string);
  if (typeof self === "string") return self;
  const fn = self[callee.method];
  return typeof fn === "function" ? { fn: fn as NodeFunction, self } : NO_METHOD;
}

function* call([address, name, inputs, extra, arrived]: CallTask, scope: TaskScope): Coroutine<CallAnswer> {
  if (arrived !== undefined) restoreInstances(arrived);
  const callable = yield* callableFor(address, name, extra?.callee);
  if (typeof callable === "string") return { missing: callable };
  const answer = yield* answerTo(callable, name, inputs, extra, scope);
  if (!Array.isArray(answer)) return answer;
  const [value, metadata, metrics, instances = []] = answer as Completed;
  const { obstacle, buffers, instances: own } = inspect(value);
  if (obstacle !== undefined) return { uncloneable: obstacle };
  if (buffers.length > 0) scope.transfer = yield* bufferTransfer.of(callable.fn, value, buffers);
  return own.length + instances.length === 0 ? answer : [value, metadata, metrics, [...own, ...instances]];
}

function* answerTo(
  { fn, self }: Callable,
  name: string,
  inputs: readonly unknown[],
  extra: CallExtra | undefined,
  scope: TaskScope,
): Coroutine<CallAnswer> {
  const context = extra?.context;
  const before = context === undefined ? undefined : snapshot(context);
  const ctx = context === undefined ? undefined : contextOf(name, context, scope);
  const position = context?.position ?? -1;
  const args = position < 0 ? inputs : inputs.toSpliced(position, 0, ctx);
  if (extra?.reportsStart === true) scope.send({ started: true });
  try {
    const plain = () => fn.apply(self, args as unknown[]);
    const trace = extra?.trace;
    const apply = trace === undefined ? plain : () => withinTrace(trace, plain);
    let value: unknown = taskScope.run(scope, () => (ctx === undefined ? apply() : followContexts().run(ctx, apply)));
    const pending = pendingOf(value);
    if (pending !== undefined) value = yield pending;
    if (context === undefined || before === undefined) return [value];
    const metadata = changes(context.metadata, before.metadata);
    const { obstacle, instances } = inspect(Object.fromEntries(metadata));
    if (obstacle !== undefined)
      throw new TypeError(`${shortPath(`ctx.metadata${obstacle}`)} can't be cloned. Write plain data there.`);
    const metrics = Object.entries(context.metrics).filter(([key, value]) => before.metrics[key] !== value);
    return [value, metadata, metrics, instances];
  } catch (error) {
    return { thrown: encodeThrown(isPause(error) ? checkedPause(error) : error) };
  }
}

/** The pause itself if its data can be cloned, else an error. */
function checkedPause(pause: Error): Error {
  const { obstacle } = inspect(Reflect.get(pause, "data"));
  if (obstacle === undefined) return pause;
  return new TypeError(`"${shortPath(`data${obstacle}`)}" of a PauseRun can't be cloned. Pass plain data.`);
}

function isCloneable(value: unknown): boolean {
  return inspect(value).obstacle === undefined;
}

/** The data that the node may change: each metadata value as bytes, and the metrics. */
function snapshot({ metadata, metrics }: CallContext) {
  const bytes = Object.entries(metadata).map(([key, value]) => [key, serialize(value)] as const);
  return { metadata: new Map(bytes), metrics: { ...metrics } };
}

function changes(record: Record<string, unknown>, before: ReadonlyMap<string, Buffer>): [string, unknown][] {
  return Object.entries(record).filter(([key, value]) => {
    const old = before.get(key);
    return old === undefined || !isCloneable(value) || !old.equals(serialize(value));
  });
}

function contextOf(name: string, context: CallContext, scope: TaskScope): Context {
  const { runId, workflow, attempt, idempotencyKey, trigger, item, inputs, metadata, metrics } = context;
  const needs = new Map(context.needs);
  const abort = new LazyAbort();
  const own: Context = {
    runId,
    workflow,
    nodeName: name,
    attempt,
    idempotencyKey,
    item,
    inputs,
    trigger,
    get signal() {
      // It never aborts: an abort ends the worker.
      return abort.signal;
    },
    metadata,
    // Without a prototype, like those of inline nodes.
    metrics: checkedMetrics(Object.setPrototypeOf(metrics, null) as typeof metrics, `node "${name}"`),
    get: (node, fallback) => (needs.has(node) ? needs.get(node) : fallback),
    has: (node) => needs.has(node),
    get results() {
      return Object.assign(Object.create(null) as object, Object.fromEntries(needs));
    },
    progress(fraction, message) {
      if (typeof fraction !== "number" || !(fraction >= 0 && fraction <= 1)) {
        throw new RangeError(`"fraction" must be a number, from 0 to 1; received ${show(fraction)}.`);
      }
      scope.send({ progress: [fraction, message === undefined ? undefined : asText(message)] });
    },
    log(message, fields, level) {
      const line = logLine(message, fields, level);
      const { obstacle } = inspect(line.fields);
      if (obstacle === undefined) return void scope.send({ log: line });
      throw new TypeError(`${shortPath(`fields${obstacle}`)} of ctx.log can't be cloned. Pass plain data.`);
    },
    run() {
      throw new TypeError(`ctx.run is not available on a worker thread. Give node "${name}" { backend: "inline" }.`);
    },
  };
  // Makes it print like other contexts.
  return Object.setPrototypeOf(own, NodeContext.prototype) as Context;
}
