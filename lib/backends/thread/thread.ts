import type { LazyAbort } from "../../base/abort.js";
import { restoreInstances, type DataInstances } from "../../base/brand.js";
import { inspect } from "../../base/clone.js";
import { decodeThrown } from "../../base/error-codec.js";
import { asSentence, messageOf, shortPath } from "../../base/message.js";
import { define } from "../../base/objects.js";
import { memberText } from "../../base/unsupported-value.js";
import { current } from "../../definition/current-context.js";
import type { Snapshot } from "../../base/snapshot.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { BackendError, NotCloneableError, type ErrorSite } from "../../run/errors.js";
import type { RemoteCall, Runner } from "../runner.js";
import { StartError, WorkerExit } from "./thread-errors.js";
import type { ThreadPool } from "./thread-pool.js";
import type {
  Address,
  CallAnswer,
  CallContext,
  CallExtra,
  CallTask,
  Completed,
  TaskMessage,
} from "./thread-protocol.js";
import { ThreadTrips } from "./trips.js";
import { isCompleted } from "./worker-messages.js";

/**
 * Executes the nodes of a run on worker threads. Inputs and results are cloned.
 * @throws {NotCloneableError} NOT_CLONEABLE naming the value that can't be cloned; {BackendError} BACKEND when the
 *   worker ended; otherwise what the function threw
 */
export class ThreadRunner implements Runner {
  readonly name = "thread";

  constructor(
    private readonly pool: ThreadPool,
    readonly limit: number,
    private readonly address: Address,
    /** The fields of the user's instance whose methods are the nodes. */
    private readonly fields: Snapshot | undefined,
  ) {}

  execute(call: RemoteCall, abort: LazyAbort, onStart: () => void): Promise<unknown> {
    const { spec, args, ctx } = call;
    const position = args.indexOf(ctx);
    const inputs = position < 0 ? args : args.filter((_, i) => i !== position);
    const instances: Instances = [];
    requireCloneable(call, inputs, instances);
    const extra = this.extraOf(call, inputs, position, instances);
    const task = taskOf(this.address, spec.name, inputs, extra, instances);
    const onMessage = extra === undefined ? undefined : receiverOf(call, onStart);
    const trips = call.trips as ThreadTrips | undefined;
    return resultOf(this.pool.execute(task, call.takeBuffers(), abort, onMessage, trips), call);
  }

  newTrips(size: number | undefined, limit: () => number): ThreadTrips {
    return new ThreadTrips(size, limit);
  }

  /** The parts of a call that most calls don't need. */
  private extraOf(
    call: RemoteCall,
    inputs: readonly unknown[],
    position: number,
    instances: Instances,
  ): CallExtra | undefined {
    const { spec, ctx, trace } = call;
    const reportsStart = spec.options.timeout !== undefined;
    const takesContext = position >= 0 || spec.signature.asks || current.storage !== undefined;
    if (!takesContext && !reportsStart && trace === undefined && this.address.length === 2) return undefined;
    const context = takesContext ? contextOf(call, inputs, position, instances) : undefined;
    const { method } = spec;
    const callee = method === undefined ? undefined : { runId: ctx.runId, method, fields: this.fields };
    return { callee, context, reportsStart, trace };
  }
}

/** The instances in a call that arrive as records, as they are found. */
type Instances = DataInstances[number][];

/** The shortest message for a call. */
function taskOf(
  address: Address,
  node: string,
  inputs: readonly unknown[],
  extra: CallExtra | undefined,
  instances: DataInstances,
): CallTask {
  if (instances.length > 0) return [address, node, inputs, extra, instances];
  return extra === undefined ? [address, node, inputs] : [address, node, inputs, extra];
}

/** The path of a part that can't be cloned; undefined if there is none. @param instances - gets those in the value */
function obstacleIn(value: unknown, instances: Instances): string | undefined {
  const found = inspect(value);
  for (const instance of found.instances) instances.push(instance);
  return found.obstacle;
}

/** Receives the worker's messages during a call. */
function receiverOf({ ctx }: RemoteCall, onStart: () => void): (message: TaskMessage) => void {
  return (message) => {
    if ("started" in message) return onStart();
    if ("progress" in message) return ctx.progress(...message.progress);
    const { message: text, fields, level } = message.log;
    ctx.log(text, fields, level);
  };
}

/** @throws {NotCloneableError} NOT_CLONEABLE for the first input that can't be cloned */
function requireCloneable(call: RemoteCall, inputs: readonly unknown[], instances: Instances): void {
  for (let i = 0; i < inputs.length; i++) {
    const obstacle = obstacleIn(inputs[i], instances);
    if (obstacle === undefined) continue;
    const { spec, site } = call;
    throw notCloneable(spec, `inputs.${spec.signature.inputs[i]?.name ?? i}${obstacle}`, site);
  }
}

/** The node's result from a worker's answer. */
function resultOf(work: Promise<unknown>, call: RemoteCall): Promise<unknown> {
  const { spec, ctx } = call;
  return work.then(
    (received) => {
      const answer = received as CallAnswer;
      if (!isCompleted(answer)) throw errorIn(answer, spec, call.site);
      if (answer[3] !== undefined) restoreInstances(answer[3]);
      for (const [key, value] of answer[1] ?? []) define(ctx.metadata, key, value);
      if (answer[2] !== undefined) Object.assign(ctx.metrics, Object.fromEntries(answer[2]));
      return answer[0];
    },
    (error) => {
      throw unanswered(spec, error, call.site);
    },
  );
}

function errorIn(answer: Exclude<CallAnswer, Completed>, spec: NodeSpec, site: ErrorSite): unknown {
  if ("thrown" in answer) return decodeThrown(answer.thrown);
  if ("uncloneable" in answer) return notCloneable(spec, `result${answer.uncloneable}`, site);
  return new BackendError(`A worker can't find node "${spec.name}": ${answer.missing}.`, site);
}

/** The error of a node whose worker did not answer. */
function unanswered(spec: NodeSpec, error: unknown, site: ErrorSite): Error {
  if (error instanceof DOMException && error.name === "DataCloneError") return notCloneable(spec, "inputs", site);
  const { name } = spec;
  const failed = { ...site, cause: error };
  if (error instanceof StartError)
    return new BackendError(`Node "${name}" was not called: ${asSentence(error.message)}`, failed);
  if (error instanceof WorkerExit) {
    const message = `The worker that executed node "${name}" exited with code ${error.exitCode}. Find the call of process.exit, or give the node a retry.`;
    return new BackendError(message, failed, { exitCode: error.exitCode });
  }
  return new BackendError(
    `The worker that executed node "${name}" ended: ${asSentence(messageOf(error))} Catch that in the node, or give it a retry.`,
    failed,
    { exitCode: 1 },
  );
}

function notCloneable(spec: NodeSpec, path: string, site: ErrorSite): NotCloneableError {
  const message =
    `Node "${spec.name}" runs on a worker thread, but ${shortPath(path)} can't be cloned. ` +
    `Pass plain data, or keep the node on this thread with { backend: "inline" }.`;
  return new NotCloneableError(message, site, path);
}

/** @throws {NotCloneableError} NOT_CLONEABLE for the first result of a need that can't be cloned */
function contextOf(call: RemoteCall, inputs: readonly unknown[], position: number, instances: Instances): CallContext {
  const { spec, ctx, needs } = call;
  for (const [name, result] of needs) {
    // Most are inputs, which were checked.
    if (inputs.includes(result)) continue;
    const obstacle = obstacleIn(result, instances);
    if (obstacle !== undefined) throw notCloneable(spec, `results${memberText(name)}${obstacle}`, call.site);
  }
  const { runId, workflow, attempt, idempotencyKey, trigger, item } = ctx;
  const obstacle = obstacleIn(item?.key, instances);
  if (obstacle !== undefined) throw notCloneable(spec, `ctx.item.key${obstacle}`, call.site);
  const runInputs = cloneableOf(ctx.inputs, instances);
  const metadata = cloneableOf(ctx.metadata, instances);
  const metrics = { ...ctx.metrics };
  const own = { position, runId, workflow, attempt, idempotencyKey, trigger, item };
  return { ...own, inputs: runInputs, metadata, metrics, needs };
}

/** The entries of a record that can be cloned. */
function cloneableOf(record: Readonly<Record<string, unknown>>, instances: Instances): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => obstacleIn(value, instances) === undefined);
  return Object.fromEntries(entries);
}
