import { inspect } from "../base/clone.js";
import { decodeThrown } from "../base/error-codec.js";
import { messageOf } from "../base/message.js";
import type { Context } from "../definition/context.js";
import type { NodeSpec } from "../definition/node-spec.js";
import { BackendError, NotCloneableError, type ErrorSite } from "../run/errors.js";
import type { AttemptCall } from "./backend.js";
import type { ThreadPool } from "./thread-pool.js";
import type { Address, CallAnswer, CallContext, CallTask, Notice } from "./thread-protocol.js";

/** One attempt to be made on a thread. */
export interface ThreadCall extends AttemptCall {
  /** The results of the node's needs, by node. */
  readonly needs: () => (readonly [name: string, result: unknown])[];
  readonly signal: AbortSignal;
  /** Array buffers that nobody else will need. */
  readonly transfer: readonly ArrayBuffer[];
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

  async execute(call: ThreadCall): Promise<unknown> {
    const { spec, args, ctx, site, signal, transfer } = call;
    const contextAt = args.indexOf(ctx);
    const inputs = contextAt < 0 ? args : args.filter((_, position) => position !== contextAt);
    inputs.forEach((input, position) => {
      const { obstacle } = inspect(input);
      if (obstacle === undefined) return;
      const name = spec.signature.inputs[position]?.name ?? position;
      throw notCloneable(spec, `inputs.${name}${obstacle}`, site);
    });
    const task: CallTask = {
      op: "call",
      id: ++calls,
      address: this.address,
      node: spec.name,
      inputs,
      contextAt,
      context: contextAt < 0 ? bareContext(ctx) : contextOf(ctx, call.needs()),
      announce: call.began !== undefined,
    };
    const onNotice = (notice: Notice) => {
      if (notice.dagwright === "began") call.began?.();
      else if (notice.fraction === undefined) ctx.log(notice.message as string);
      else ctx.progress(notice.fraction, notice.message);
    };
    const listens = contextAt >= 0 || call.began !== undefined;
    let answer: CallAnswer;
    try {
      answer = (await this.pool.execute(task, [...transfer], signal, listens ? onNotice : undefined)) as CallAnswer;
    } catch (error) {
      throw this.crashed(spec, error, site);
    }
    if ("thrown" in answer) throw decodeThrown(answer.thrown);
    if ("uncloneable" in answer) throw notCloneable(spec, `result${answer.uncloneable}`, site);
    if ("missing" in answer) {
      throw new BackendError(`A worker can't find node "${spec.name}": ${answer.missing}.`, site, undefined);
    }
    for (const [key, value] of answer.metadata ?? []) ctx.metadata[key] = value;
    for (const [key, value] of answer.metrics ?? []) ctx.metrics[key] = value;
    return answer.value;
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

/** The context of a function that can't see it. */
function bareContext({ runId, workflow, attempt }: Context): CallContext {
  return { runId, workflow, attempt, trigger: undefined, inputs: {}, metadata: {}, metrics: {}, needs: [] };
}

function contextOf(ctx: Context, needs: (readonly [string, unknown])[]): CallContext {
  const { runId, workflow, attempt, trigger, metrics } = ctx;
  const inputs = crossing(ctx.inputs);
  return { runId, workflow, attempt, trigger, inputs, metadata: crossing(ctx.metadata), metrics, needs };
}

/** What of a record can cross. */
function crossing(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(record).filter(([, value]) => inspect(value).obstacle === undefined);
  return Object.fromEntries(entries);
}
