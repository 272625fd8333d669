import { createHash, randomUUID } from "node:crypto";
import { asSentence, messageOf } from "../../base/message.js";
import { current } from "../../definition/current-context.js";
import type { BackendCall } from "../../definition/specs/backend.js";
import { failedAt, siteOf } from "../../definition/specs/call-site.js";
import { BackendError, type BackendFailure } from "../../run/errors.js";
import type { AttemptPlace, RunStore, ValueStore } from "../../stores/store.js";
import { Unsendable, Values } from "./values.js";
import { codeOf, jobId, type JobContext, type Message, type NodeJob, type Outcome, type Sent } from "./wire.js";

/** Where the outcome of an attempt is recorded. */
export interface AttemptRecord {
  readonly store: ValueStore;
  readonly place: AttemptPlace;
}

/** One attempt of a node, as its run sees it: the job that it is, and what comes of it. */
export class RemoteAttempt {
  private readonly values: Values;

  constructor(
    private readonly call: BackendCall,
    private readonly backend: string,
  ) {
    const store = call.store as RunStore | undefined;
    this.values = new Values(store?.values);
  }

  /** Whether another process may go on with its run. */
  get isRecorded(): boolean {
    return this.call.store !== undefined;
  }

  /** Where its outcome is recorded; undefined if its run is not. */
  get record(): AttemptRecord | undefined {
    const { ctx, node, attempt, store } = this.call;
    if (store === undefined) return undefined;
    const place = { runId: ctx.runId, node: node.name, item: ctx.item?.index, attempt };
    return { store: (store as RunStore).values, place };
  }

  /** @throws {BackendError} BACKEND for a value that can't be sent */
  async job(): Promise<NodeJob> {
    const { node, workflow, args, ctx, attempt, trace } = this.call;
    const position = args.indexOf(ctx);
    const { inputs: params, asks } = node.signature;
    const given = position < 0 ? args : args.filter((_, i) => i !== position);
    const inputs = await Promise.all(given.map((value, i) => this.send(value, `inputs.${params[i]?.name ?? i}`)));
    const takesContext = position >= 0 || asks || current.storage !== undefined;
    const context = takesContext ? await this.context(position) : undefined;
    return { workflow, node: node.name, code: codeOf(node), runId: ctx.runId, attempt, inputs, context, trace };
  }

  /**
   * The id of the job. In a recorded run, attempts that were interrupted by the death of a driver are one with the attempt
   * that follows, so that its driver finds their job, or result. Runs in other stores may have the same id.
   */
  id(job: NodeJob): string {
    const { ctx, attempt, interrupted = 0 } = this.call;
    if (!this.isRecorded) return jobId(randomUUID(), attempt);
    const { workflow, code, inputs, context } = job;
    const facts = JSON.stringify([workflow, code, inputs, context?.inputs]);
    const hash = createHash("sha256").update(facts).digest("base64url").slice(0, 16);
    return jobId(`${ctx.idempotencyKey}~${hash}`, attempt - interrupted);
  }

  /** @throws what the function threw; {BackendError} BACKEND; {StoreError} */
  async result(text: string): Promise<unknown> {
    const outcome = JSON.parse(text) as Outcome;
    if ("refused" in outcome) throw this.error(`${asSentence(outcome.refused)}`, { retryable: false });
    if ("thrown" in outcome) throw this.values.codec.decode(outcome.thrown);
    const value = await this.values.receive(outcome.value);
    for (const [name, metric] of outcome.metrics ?? []) this.call.ctx.metrics[name] = metric;
    return value;
  }

  /** Passes on what the node reports. */
  tell(message: Exclude<Message, { readonly otherCode: string }>): void {
    const { ctx } = this.call;
    if ("progress" in message) return ctx.progress(...message.progress);
    const { message: text, fields, level } = message.log;
    ctx.log(text, this.values.codec.decode(fields) as Record<string, unknown>, level);
  }

  /** @param reason - sentences */
  error(reason: string, failure: BackendFailure & ErrorOptions = {}): BackendError {
    const { cause, ...rest } = failure;
    const site = siteOf(this.call.site, cause);
    const message = `Node "${failedAt(site)}" failed on the remote backend "${this.backend}": ${reason}`;
    return new BackendError(message, site, rest);
  }

  private async context(position: number): Promise<JobContext> {
    const { idempotencyKey, trigger, item, inputs, metadata, metrics } = this.call.ctx;
    return {
      position,
      idempotencyKey,
      trigger,
      item: item && { index: item.index, key: await this.send(item.key, "ctx.item.key") },
      inputs: await this.send(this.sendable(inputs), "ctx.inputs"),
      metadata: await this.send(this.sendable(metadata), "ctx.metadata"),
      metrics: { ...metrics },
    };
  }

  /** The entries of a record that can be sent. */
  private sendable(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(record).filter(([, value]) => this.values.codec.canEncode(value)));
  }

  private async send(value: unknown, path: string): Promise<Sent> {
    try {
      return await this.values.send(value, path, this.call.ctx.runId);
    } catch (cause) {
      if (!(cause instanceof Unsendable)) throw cause;
      throw this.error(asSentence(messageOf(cause)), { retryable: false, cause });
    }
  }
}
