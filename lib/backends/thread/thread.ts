import type { LazyAbort } from "../../base/abort.js";
import { inspect } from "../../base/clone.js";
import { decodeThrown } from "../../base/error-codec.js";
import { asSentence, messageOf, shortPath } from "../../base/message.js";
import { define } from "../../base/objects.js";
import { memberText } from "../../base/unsupported-value.js";
import { current } from "../../definition/current-context.js";
import type { Snapshot } from "../../base/snapshot.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { BackendError, NotCloneableError, type ErrorSite } from "../../run/errors.js";
import type { Backend, BackendCall } from "../backend.js";
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
import { isCompleted } from "./worker-messages.js";

/**
 * Executes the nodes of a run on worker threads. Inputs and results are cloned.
 * @throws {NotCloneableError} NOT_CLONEABLE naming the value that can't be cloned; {BackendError} BACKEND when the
 *   worker ended; otherwise what the function threw
 */
export class ThreadBackend implements Backend {
  readonly name = "thread";

  constructor(
    private readonly pool: ThreadPool,
    readonly limit: number,
    private readonly address: Address,
    /** The fields of the user's instance whose methods are the nodes. */
    private readonly fields: Snapshot | undefined,
  ) {}

  execute(call: BackendCall, abort: LazyAbort, onStart: () => void): Promise<unknown> {
    const { spec, args, ctx } = call;
    const position = args.indexOf(ctx);
    const inputs = position < 0 ? args : args.filter((_, i) => i !== position);
    requireCloneable(call, inputs);
    const extra = this.extraOf(call, inputs, position);
    const task: CallTask =
      extra === undefined ? [this.address, spec.name, inputs] : [this.address, spec.name, inputs, extra];
    const onMessage = extra === undefined ? undefined : receiverOf(call, onStart);
    return resultOf(this.pool.execute(task, call.takeBuffers(), abort, onMessage), call);
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  /** The parts of a call that most calls don't need. */
  private extraOf(call: BackendCall, inputs: readonly unknown[], position: number): CallExtra | undefined {
    const { spec, ctx } = call;
    const reportsStart = spec.options.timeout !== undefined;
    const takesContext = position >= 0 || spec.signature.asks || current.storage !== undefined;
    if (!takesContext && !reportsStart && this.address.length === 2) return undefined;
    const context = takesContext ? contextOf(call, inputs, position) : undefined;
    const { method } = spec;
    const callee = method === undefined ? undefined : { runId: ctx.runId, method, fields: this.fields };
    return { callee, context, reportsStart };
  }
}

/** Receives the worker's messages during a call. */
function receiverOf({ ctx }: BackendCall, onStart: () => void): (message: TaskMessage) => void {
  return (message) => {
    if ("started" in message) return onStart();
    const [fraction, text] = message.progress;
    if (fraction === undefined) ctx.log(text as string);
    else ctx.progress(fraction, text);
  };
}

/** @throws {NotCloneableError} NOT_CLONEABLE for the first input that can't be cloned */
function requireCloneable(call: BackendCall, inputs: readonly unknown[]): void {
  for (let i = 0; i < inputs.length; i++) {
    const { obstacle } = inspect(inputs[i]);
    if (obstacle === undefined) continue;
    const { spec, site } = call;
    throw notCloneable(spec, `inputs.${spec.signature.inputs[i]?.name ?? i}${obstacle}`, site);
  }
}

/** The node's result from a worker's answer. */
function resultOf(work: Promise<unknown>, call: BackendCall): Promise<unknown> {
  const { spec, ctx } = call;
  return work.then(
    (received) => {
      const answer = received as CallAnswer;
      if (!isCompleted(answer)) throw errorIn(answer, spec, call.site);
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
  return new BackendError(`A worker can't find node "${spec.name}": ${answer.missing}.`, site, undefined);
}

/** The error of a node whose worker did not answer. */
function unanswered(spec: NodeSpec, error: unknown, site: ErrorSite): Error {
  if (error instanceof DOMException && error.name === "DataCloneError") return notCloneable(spec, "inputs", site);
  const { name } = spec;
  const failed = { ...site, cause: error };
  if (error instanceof StartError)
    return new BackendError(`Node "${name}" was not called: ${asSentence(error.message)}`, failed, undefined);
  if (error instanceof WorkerExit) {
    const message = `The worker that executed node "${name}" exited with code ${error.exitCode}. Find the call of process.exit, or give the node a retry.`;
    return new BackendError(message, failed, error.exitCode);
  }
  return new BackendError(
    `The worker that executed node "${name}" ended: ${asSentence(messageOf(error))} Catch that in the node, or give it a retry.`,
    failed,
    1,
  );
}

function notCloneable(spec: NodeSpec, path: string, site: ErrorSite): NotCloneableError {
  const message =
    `Node "${spec.name}" runs on a worker thread, but ${shortPath(path)} can't be cloned. ` +
    `Pass plain data, or keep the node on this thread with { backend: "inline" }.`;
  return new NotCloneableError(message, site, path);
}

/** @throws {NotCloneableError} NOT_CLONEABLE for the first result of a need that can't be cloned */
function contextOf(call: BackendCall, inputs: readonly unknown[], position: number): CallContext {
  const { spec, ctx, needs } = call;
  for (const [name, result] of needs) {
    // Most are inputs, which were checked.
    if (inputs.includes(result)) continue;
    const { obstacle } = inspect(result);
    if (obstacle !== undefined) throw notCloneable(spec, `results${memberText(name)}${obstacle}`, call.site);
  }
  const { runId, workflow, attempt, idempotencyKey, trigger, item } = ctx;
  const { obstacle } = inspect(item?.key);
  if (obstacle !== undefined) throw notCloneable(spec, `ctx.item.key${obstacle}`, call.site);
  const runInputs = cloneableOf(ctx.inputs);
  const metadata = cloneableOf(ctx.metadata);
  const metrics = { ...ctx.metrics };
  const own = { position, runId, workflow, attempt, idempotencyKey, trigger, item };
  return { ...own, inputs: runInputs, metadata, metrics, needs };
}

/** The entries of a record that can be cloned. */
function cloneableOf(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => inspect(value).obstacle === undefined);
  return Object.fromEntries(entries);
}
