import type { LazyAbort } from "../base/abort.js";
import { inspect } from "../base/clone.js";
import { decodeThrown } from "../base/error-codec.js";
import { messageOf } from "../base/message.js";
import type { Context } from "../definition/context.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { BackendError, NotCloneableError, type ErrorSite } from "../run/errors.js";
import type { AttemptCall } from "./backend.js";
import type { ThreadPool } from "./thread-pool.js";
import type { Address, CallAnswer, CallContext, CallTask, Completed, Notice, Progress } from "./thread-protocol.js";

/** What a thread needs of the run beside the call. */
export interface ThreadHost {
  /** The results of the node's needs, by node. */
  needs(): (readonly [name: string, result: unknown])[];
  /** Gives away the array buffers among the arguments that nobody else will need. */
  spent(): ArrayBuffer[];
  site(): ErrorSite;
}

let calls = 0;

/**
 * Executes nodes on worker threads: inputs are cloned, results cloned back.
 * @throws {NotCloneableError} NOT_CLONEABLE naming what can't cross; {BackendError} BACKEND when the thread ended; otherwise
 *   what the function threw
 */
export class ThreadBackend {
  constructor(
    private readonly pool: ThreadPool,
    private readonly address: Address,
  ) {}

  /**
   * @param abort - ends the thread when it aborts
   * @param began - called when the node's function is; left out when nobody wants to know
   */
  execute(call: AttemptCall, host: ThreadHost, abort: LazyAbort, began: (() => void) | undefined): Promise<unknown> {
    const { spec, args, ctx } = call;
    const position = args.indexOf(ctx);
    const inputs = position < 0 ? args : args.filter((_, i) => i !== position);
    for (let i = 0; i < inputs.length; i++) {
      const { obstacle } = inspect(inputs[i]);
      if (obstacle === undefined) continue;
      throw notCloneable(spec, `inputs.${spec.signature.inputs[i]?.name ?? i}${obstacle}`, host.site());
    }
    const isPlain = position < 0 && began === undefined && this.address.length < 3;
    return isPlain
      ? this.send([this.address, spec.name, inputs], call, host, abort)
      : this.sendMore(inputs, position, call, host, abort, began);
  }

  /** With the context, and with an ear for what the node tells of itself. */
  private sendMore(
    inputs: readonly unknown[],
    position: number,
    call: AttemptCall,
    host: ThreadHost,
    abort: LazyAbort,
    began: (() => void) | undefined,
  ): Promise<unknown> {
    const { spec, ctx } = call;
    const context = position < 0 ? undefined : contextOf(ctx, position, host.needs());
    const extra = {
      runId: this.address.length < 3 ? "" : ctx.runId,
      context,
      id: ++calls,
      announces: began !== undefined,
    };
    let heard = 0;
    const hear = ([fraction, message]: Progress) => {
      heard++;
      if (fraction === undefined) ctx.log(message as string);
      else ctx.progress(fraction, message);
    };
    const onNotice = (notice: Notice) => (notice.began ? began?.() : hear(notice.progress));
    const catchUp = (told: readonly Progress[] | undefined) => told?.slice(heard).forEach(hear);
    return this.send([this.address, spec.name, inputs, extra], call, host, abort, onNotice, catchUp);
  }

  private send(
    task: CallTask,
    { spec, ctx }: AttemptCall,
    host: ThreadHost,
    abort: LazyAbort,
    onNotice?: (notice: Notice) => void,
    catchUp?: (told: readonly Progress[] | undefined) => void,
  ): Promise<unknown> {
    return this.pool.execute(task, host.spent(), abort, task[3]?.id, onNotice).then(
      (received) => {
        const answer = received as CallAnswer;
        catchUp?.(isCompleted(answer) ? answer[3] : "thrown" in answer ? answer.told : undefined);
        if (!isCompleted(answer)) throw failureOf(answer, spec, host);
        for (const [key, item] of answer[1] ?? []) ctx.metadata[key] = item;
        for (const [key, figure] of answer[2] ?? []) ctx.metrics[key] = figure;
        return answer[0];
      },
      (error) => {
        throw crashed(spec, error, host.site());
      },
    );
  }
}

function failureOf(answer: Exclude<CallAnswer, Completed>, spec: NodeSpec, host: ThreadHost): unknown {
  if ("thrown" in answer) return decodeThrown(answer.thrown);
  if ("uncloneable" in answer) return notCloneable(spec, `result${answer.uncloneable}`, host.site());
  return new BackendError(`A worker can't find node "${spec.name}": ${answer.missing}.`, host.site(), undefined);
}

function crashed(spec: NodeSpec, error: unknown, site: ErrorSite): Error {
  if (error instanceof DOMException && error.name === "DataCloneError") return notCloneable(spec, "inputs", site);
  const code = /^worker exited with code: (-?\d+)$/u.exec(messageOf(error))?.[1];
  const what = code === undefined ? `ended: ${messageOf(error)}` : `exited with code ${code}`;
  const message = `The worker that executed node "${spec.name}" ${what}.`;
  return new BackendError(message, { ...site, cause: error }, code === undefined ? 1 : Number(code));
}

function notCloneable(spec: NodeSpec, path: string, site: ErrorSite): NotCloneableError {
  const message =
    `Node "${spec.name}" runs on a worker thread, but ${path} can't be cloned. ` +
    `Pass plain data, or keep the node on this thread with { backend: "inline" }.`;
  return new NotCloneableError(message, site, path);
}

function isCompleted(answer: CallAnswer): answer is Completed {
  return Array.isArray(answer);
}

function contextOf(ctx: Context, position: number, needs: (readonly [string, unknown])[]): CallContext {
  const { runId, workflow, attempt, idempotencyKey, trigger, metrics } = ctx;
  const inputs = crossing(ctx.inputs);
  const metadata = crossing(ctx.metadata);
  return { position, runId, workflow, attempt, idempotencyKey, trigger, inputs, metadata, metrics, needs };
}

/** What of a record can cross. */
function crossing(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => inspect(value).obstacle === undefined);
  return Object.fromEntries(entries);
}
