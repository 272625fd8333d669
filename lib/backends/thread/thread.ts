import type { LazyAbort } from "../../base/abort.js";
import { inspect } from "../../base/clone.js";
import { decodeThrown } from "../../base/error-codec.js";
import { asSentence, messageOf, shortPath } from "../../base/message.js";
import { memberText } from "../../base/unsupported-value.js";
import type { Snapshot } from "../../base/snapshot.js";
import type { Context } from "../../definition/context.js";
import type { NodeSpec } from "../../definition/specs/node-spec.js";
import { BackendError, NotCloneableError, type ErrorSite } from "../../run/errors.js";
import type { AttemptCall } from "../backend.js";
import { isCompleted } from "./thread-answers.js";
import { StartFault, ThreadExit } from "./thread-faults.js";
import type { ThreadPool } from "./thread-pool.js";
import type { Address, CallAnswer, CallContext, CallTask, Completed, Notice } from "./thread-protocol.js";

/** What a thread needs of the run beside the call. Nodes go by their index in the plan. */
export interface ThreadHost {
  /** The results of a node's needs, by name. */
  needs(node: number): (readonly [name: string, result: unknown])[];
  /** Gives away the array buffers among a node's arguments that nobody else will need. */
  spent(node: number): ArrayBuffer[];
  site(node: number, attempt: number): ErrorSite;
}

/**
 * Executes nodes on worker threads: inputs are cloned, results cloned back.
 * @throws {NotCloneableError} NOT_CLONEABLE naming what can't cross; {BackendError} BACKEND when the thread ended;
 * otherwise what the function threw
 */
export class ThreadBackend {
  constructor(
    private readonly pool: ThreadPool,
    private readonly address: Address,
    /** Those of the instance whose methods the nodes are, when the user made it. */
    private readonly fields: Snapshot | undefined,
  ) {}

  /**
   * @param abort - ends the thread when it aborts
   * @param began - called when the node's function is; left out when nobody wants to know
   */
  execute(
    node: number,
    call: AttemptCall,
    host: ThreadHost,
    abort: LazyAbort,
    began: (() => void) | undefined,
  ): Promise<unknown> {
    const { spec, args, ctx } = call;
    const position = args.indexOf(ctx);
    const inputs = position < 0 ? args : args.filter((_, i) => i !== position);
    requireCloneable(node, call, inputs, host);
    if (position >= 0 || began !== undefined || this.address.length > 2)
      return this.executeHeard(node, call, inputs, position, host, abort, began);
    const work = this.pool.execute([this.address, spec.name, inputs], host.spent(node), abort);
    return resultOf(work, node, call, host);
  }

  /** With the context, and with an ear for what the node tells of itself. */
  private executeHeard(
    node: number,
    call: AttemptCall,
    inputs: readonly unknown[],
    position: number,
    host: ThreadHost,
    abort: LazyAbort,
    began: (() => void) | undefined,
  ): Promise<unknown> {
    const { spec, ctx } = call;
    const needs = position < 0 ? [] : host.needs(node);
    for (const [name, result] of needs) {
      // Most are inputs as well, and have been looked at.
      if (inputs.includes(result)) continue;
      const { obstacle } = inspect(result);
      if (obstacle === undefined) continue;
      throw notCloneable(spec, `results${memberText(name)}${obstacle}`, host.site(node, ctx.attempt));
    }
    const context = position < 0 ? undefined : contextOf(ctx, position, needs);
    const { method } = spec;
    const callee = method === undefined ? undefined : { runId: ctx.runId, method, fields: this.fields };
    const onNotice = (notice: Notice) => {
      if ("began" in notice) return began?.();
      const [fraction, message] = notice.progress;
      if (fraction === undefined) ctx.log(message as string);
      else ctx.progress(fraction, message);
    };
    const task: CallTask = [this.address, spec.name, inputs, { callee, context, announces: began !== undefined }];
    return resultOf(this.pool.execute(task, host.spent(node), abort, onNotice), node, call, host);
  }
}

/** @throws {NotCloneableError} NOT_CLONEABLE when one of the inputs can't cross */
function requireCloneable(
  node: number,
  { spec, ctx }: AttemptCall,
  inputs: readonly unknown[],
  host: ThreadHost,
): void {
  for (let i = 0; i < inputs.length; i++) {
    const { obstacle } = inspect(inputs[i]);
    if (obstacle === undefined) continue;
    throw notCloneable(spec, `inputs.${spec.signature.inputs[i]?.name ?? i}${obstacle}`, host.site(node, ctx.attempt));
  }
}

/** The node's result, from what a worker answers. */
function resultOf(
  work: Promise<unknown>,
  node: number,
  { spec, ctx }: AttemptCall,
  host: ThreadHost,
): Promise<unknown> {
  return work.then(
    (received) => {
      const answer = received as CallAnswer;
      if (!isCompleted(answer)) throw errorIn(answer, spec, host.site(node, ctx.attempt));
      for (const [key, value] of answer[1] ?? []) {
        // An assignment to __proto__ would be none.
        Object.defineProperty(ctx.metadata, key, { value, writable: true, enumerable: true, configurable: true });
      }
      if (answer[2] !== undefined) Object.assign(ctx.metrics, Object.fromEntries(answer[2]));
      return answer[0];
    },
    (error) => {
      throw unanswered(spec, error, host.site(node, ctx.attempt));
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

function contextOf(ctx: Context, position: number, needs: (readonly [string, unknown])[]): CallContext {
  const { runId, workflow, attempt, idempotencyKey, trigger } = ctx;
  const inputs = crossing(ctx.inputs);
  const metadata = crossing(ctx.metadata);
  const metrics = { ...ctx.metrics };
  return { position, runId, workflow, attempt, idempotencyKey, trigger, inputs, metadata, metrics, needs };
}

/** What of a record can cross. */
function crossing(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => inspect(value).obstacle === undefined);
  return Object.fromEntries(entries);
}
