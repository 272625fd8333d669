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

/** One attempt to be made on a thread. */
export interface ThreadCall extends AttemptCall {
  /** The results of the node's needs, by node. */
  readonly needs: () => (readonly [name: string, result: unknown])[];
  /** Ends the thread when it aborts. */
  readonly abort: LazyAbort;
  /** Gives away the array buffers among the arguments that nobody else will need. */
  readonly spent: () => ArrayBuffer[];
  readonly site: ErrorSite;
  /** Called when the node's function is; left out when nobody wants to know. */
  readonly began: (() => void) | undefined;
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

  execute(call: ThreadCall): Promise<unknown> {
    const { spec, args, ctx, site, abort, began } = call;
    const position = args.indexOf(ctx);
    const inputs = position < 0 ? args : args.filter((_, i) => i !== position);
    for (let i = 0; i < inputs.length; i++) {
      const { obstacle } = inspect(inputs[i]);
      if (obstacle !== undefined)
        throw notCloneable(spec, `inputs.${spec.signature.inputs[i]?.name ?? i}${obstacle}`, site);
    }
    const context = position < 0 ? undefined : contextOf(ctx, position, call.needs());
    const listens = position >= 0 || began !== undefined;
    const id = listens ? ++calls : 0;
    const runId = this.address.length === 3 ? ctx.runId : "";
    const task: CallTask = [this.address, spec.name, inputs, runId, context, id, began !== undefined];
    let heard = 0;
    const hear = ([fraction, message]: Progress) => {
      heard++;
      if (fraction === undefined) ctx.log(message as string);
      else ctx.progress(fraction, message);
    };
    const onNotice = (notice: Notice) => (notice.began ? began?.() : hear(notice.progress));
    return this.pool.execute(task, call.spent(), abort, id, listens ? onNotice : undefined).then(
      (answer) => {
        const told = isCompleted(answer as CallAnswer)
          ? (answer as Completed)[3]
          : (answer as { told?: Progress[] }).told;
        for (const progress of told?.slice(heard) ?? []) hear(progress);
        return this.resultIn(answer as CallAnswer, call);
      },
      (error) => {
        throw this.crashed(spec, error, site);
      },
    );
  }

  private resultIn(answer: CallAnswer, { spec, ctx, site }: ThreadCall): unknown {
    if (isCompleted(answer)) {
      const [value, metadata, metrics] = answer;
      for (const [key, item] of metadata ?? []) ctx.metadata[key] = item;
      for (const [key, figure] of metrics ?? []) ctx.metrics[key] = figure;
      return value;
    }
    if ("thrown" in answer) throw decodeThrown(answer.thrown);
    if ("uncloneable" in answer) throw notCloneable(spec, `result${answer.uncloneable}`, site);
    throw new BackendError(`A worker can't find node "${spec.name}": ${answer.missing}.`, site, undefined);
  }

  private crashed(spec: NodeSpec, error: unknown, site: ErrorSite): Error {
    if (error instanceof DOMException && error.name === "DataCloneError") return notCloneable(spec, "inputs", site);
    const code = /^worker exited with code: (-?\d+)$/u.exec(messageOf(error))?.[1];
    const what = code === undefined ? `ended: ${messageOf(error)}` : `exited with code ${code}`;
    const message = `The worker that executed node "${spec.name}" ${what}.`;
    return new BackendError(message, { ...site, cause: error }, code === undefined ? 1 : Number(code));
  }
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
  const { runId, workflow, attempt, trigger, metrics } = ctx;
  const inputs = crossing(ctx.inputs);
  return { position, runId, workflow, attempt, trigger, inputs, metadata: crossing(ctx.metadata), metrics, needs };
}

/** What of a record can cross. */
function crossing(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => inspect(value).obstacle === undefined);
  return Object.fromEntries(entries);
}
