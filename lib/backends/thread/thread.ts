import type { LazyAbort } from "../../base/abort.js";
import { inspect } from "../../base/clone.js";
import { decodeThrown } from "../../base/error-codec.js";
import { asSentence, messageOf, shortPath } from "../../base/message.js";
import { memberText } from "../../base/unsupported-value.js";
import type { Snapshot } from "../../base/snapshot.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { BackendError, NotCloneableError, type ErrorSite } from "../../run/errors.js";
import type { Backend, BackendCall } from "../backend.js";
import { isCompleted } from "./thread-answers.js";
import { StartFault, ThreadExit } from "./thread-faults.js";
import type { ThreadPool } from "./thread-pool.js";
import type { Address, CallAnswer, CallContext, CallExtra, CallTask, Completed, Notice } from "./thread-protocol.js";

/**
 * Executes nodes on worker threads: inputs are cloned, results cloned back.
 * @throws {NotCloneableError} NOT_CLONEABLE naming what can't cross; {BackendError} BACKEND when the thread ended;
 * otherwise what the function threw
 */
export class ThreadBackend implements Backend {
  readonly name = "thread";

  constructor(
    private readonly pool: ThreadPool,
    readonly limit: number,
    private readonly address: Address,
    /** Those of the instance whose methods the nodes are, when the user made it. */
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
    const onNotice = extra === undefined ? undefined : noticesOf(call, onStart);
    return resultOf(this.pool.execute(task, call.takeBuffers(), abort, onNotice), call);
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  /** What a call needs beside its inputs; undefined when it is nothing, which most calls are. */
  private extraOf(call: BackendCall, inputs: readonly unknown[], position: number): CallExtra | undefined {
    const { spec, ctx } = call;
    const announces = spec.options.timeout !== undefined;
    if (position < 0 && !announces && this.address.length === 2) return undefined;
    const context = position < 0 ? undefined : contextOf(call, inputs, position);
    const { method } = spec;
    const callee = method === undefined ? undefined : { runId: ctx.runId, method, fields: this.fields };
    return { callee, context, announces };
  }
}

/** Hears what a node tells of itself. */
function noticesOf({ ctx }: BackendCall, onStart: () => void): (notice: Notice) => void {
  return (notice) => {
    if ("began" in notice) return onStart();
    const [fraction, message] = notice.progress;
    if (fraction === undefined) ctx.log(message as string);
    else ctx.progress(fraction, message);
  };
}

/** @throws {NotCloneableError} NOT_CLONEABLE when one of the inputs can't cross */
function requireCloneable(call: BackendCall, inputs: readonly unknown[]): void {
  for (let i = 0; i < inputs.length; i++) {
    const { obstacle } = inspect(inputs[i]);
    if (obstacle === undefined) continue;
    const { spec, site } = call;
    throw notCloneable(spec, `inputs.${spec.signature.inputs[i]?.name ?? i}${obstacle}`, site);
  }
}

/** The node's result, from what a worker answers. */
function resultOf(work: Promise<unknown>, call: BackendCall): Promise<unknown> {
  const { spec, ctx } = call;
  return work.then(
    (received) => {
      const answer = received as CallAnswer;
      if (!isCompleted(answer)) throw errorIn(answer, spec, call.site);
      for (const [key, value] of answer[1] ?? []) {
        // An assignment to __proto__ would be none.
        Object.defineProperty(ctx.metadata, key, { value, writable: true, enumerable: true, configurable: true });
      }
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

/** The error of a node whose worker gave no answer. */
function unanswered(spec: NodeSpec, error: unknown, site: ErrorSite): Error {
  if (error instanceof DOMException && error.name === "DataCloneError") return notCloneable(spec, "inputs", site);
  const { name } = spec;
  const because = { ...site, cause: error };
  if (error instanceof StartFault)
    return new BackendError(`Node "${name}" was not called: ${asSentence(error.message)}`, because, undefined);
  if (error instanceof ThreadExit) {
    const message = `The worker that executed node "${name}" exited with code ${error.exitCode}. Find out what in it calls process.exit, or give it a retry.`;
    return new BackendError(message, because, error.exitCode);
  }
  return new BackendError(
    `The worker that executed node "${name}" ended: ${asSentence(messageOf(error))} Catch that in the node, or give it a retry.`,
    because,
    1,
  );
}

function notCloneable(spec: NodeSpec, path: string, site: ErrorSite): NotCloneableError {
  const message =
    `Node "${spec.name}" runs on a worker thread, but ${shortPath(path)} can't be cloned. ` +
    `Pass plain data, or keep the node on this thread with { backend: "inline" }.`;
  return new NotCloneableError(message, site, path);
}

/** @throws {NotCloneableError} NOT_CLONEABLE when one of the results that it shows can't cross */
function contextOf(call: BackendCall, inputs: readonly unknown[], position: number): CallContext {
  const { spec, ctx, needs } = call;
  for (const [name, result] of needs) {
    // Most are inputs as well, and have been looked at.
    if (inputs.includes(result)) continue;
    const { obstacle } = inspect(result);
    if (obstacle !== undefined) throw notCloneable(spec, `results${memberText(name)}${obstacle}`, call.site);
  }
  const { runId, workflow, attempt, idempotencyKey, trigger } = ctx;
  const runInputs = crossing(ctx.inputs);
  const metadata = crossing(ctx.metadata);
  const metrics = { ...ctx.metrics };
  return { position, runId, workflow, attempt, idempotencyKey, trigger, inputs: runInputs, metadata, metrics, needs };
}

/** What of a record can cross. */
function crossing(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => inspect(value).obstacle === undefined);
  return Object.fromEntries(entries);
}
