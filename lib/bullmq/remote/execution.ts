import type { Job } from "bullmq";
import { onAbort } from "../../base/abort.js";
import { asSentence, messageOf } from "../../base/message.js";
import { followContexts } from "../../definition/current-context.js";
import type { Context } from "../../definition/context.js";
import { withinTrace } from "../../base/within-trace.js";
import type { Callable } from "./known-nodes.js";
import { remoteContext } from "./remote-context.js";
import { Unsendable, type Values } from "./values.js";
import { ABANDONED, type Message, type NodeJob, type Outcome } from "./wire.js";

/** One attempt of a node, as a worker makes it. */
export class Execution {
  /** What was sent to the run, in order. */
  private told: Promise<unknown> = Promise.resolve();
  private isOver = false;

  constructor(
    private readonly job: Job<NodeJob, string>,
    private readonly callable: Callable,
    private readonly values: Values,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * How the attempt ends. All that the node has reported was sent before.
   * @throws when nobody waits for it any longer, or the broker can't be reached
   */
  async outcome(): Promise<Outcome> {
    const { signal } = this;
    let stop = () => {};
    const stopped = new Promise<never>((_, reject) => (stop = () => reject(this.stopped())));
    stopped.catch(() => {});
    const forget = onAbort(signal, () => stop());
    try {
      const outcome = await Promise.race([this.call(), stopped]);
      this.isOver = true;
      await this.told;
      return outcome;
    } finally {
      this.isOver = true;
      forget();
    }
  }

  /** Nobody will ask for a job that was abandoned. */
  private stopped(): Error {
    const reason = messageOf(this.signal.reason);
    if (reason === ABANDONED) this.job.opts.removeOnFail = true;
    return new Error(reason);
  }

  private async call(): Promise<Outcome> {
    const { values } = this;
    const { data } = this.job;
    try {
      const inputs = await Promise.all(data.inputs.map((sent) => values.receive(sent)));
      const ctx = await this.context();
      const value = await this.apply(inputs, ctx);
      const metrics = ctx === undefined ? [] : this.changedMetrics(ctx);
      return { value: await values.send(value, "result", data.runId), ...(metrics.length > 0 ? { metrics } : {}) };
    } catch (error) {
      if (error instanceof Unsendable) return { refused: asSentence(messageOf(error)) };
      return { thrown: values.codec.encodeThrown(error) };
    }
  }

  private async context(): Promise<Context | undefined> {
    const { values, signal, job } = this;
    const { context } = job.data;
    if (context === undefined) return undefined;
    return remoteContext(job.data, context, { values, signal, tell: (message) => this.tell(message) });
  }

  private apply(inputs: readonly unknown[], ctx: Context | undefined): unknown {
    const { fn, self } = this.callable;
    const { context, trace } = this.job.data;
    const position = context?.position ?? -1;
    const args = position < 0 ? inputs : inputs.toSpliced(position, 0, ctx);
    const plain = () => fn.apply(self, args as unknown[]);
    const traced = trace === undefined ? plain : () => withinTrace(trace, plain);
    return ctx === undefined ? traced() : followContexts().run(ctx, traced);
  }

  private changedMetrics({ metrics }: Context): (readonly [string, number])[] {
    const before = this.job.data.context?.metrics ?? {};
    return Object.entries(metrics).filter(([name, value]) => before[name] !== value);
  }

  private tell(message: Message): void {
    if (this.isOver) return;
    this.told = this.told.then(() => this.job.updateProgress(message));
    // Whoever waits for the outcome hears of it.
    this.told.catch(() => {});
  }
}
