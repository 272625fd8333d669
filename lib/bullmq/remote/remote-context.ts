import { show } from "../../base/check.js";
import { asText } from "../../base/message.js";
import type { Context } from "../../definition/context.js";
import { checkedMetrics } from "../../run/checked-metrics.js";
import { NodeContext } from "../../run/context.js";
import { logLine } from "../../run/log-line.js";
import type { Values } from "./values.js";
import type { JobContext, Message, NodeJob } from "./wire.js";

/** What the context of an attempt is connected to. */
export interface ContextHost {
  readonly values: Values;
  readonly signal: AbortSignal;
  /** Sends a message to the run. */
  tell(message: Message): void;
}

/** The context of an attempt, as the function sees it that a worker calls. Its records are copies. */
export async function remoteContext(job: NodeJob, sent: JobContext, host: ContextHost): Promise<Context> {
  const { workflow, node, runId, attempt } = job;
  const { values, signal } = host;
  const [inputs, metadata] = (await Promise.all([values.receive(sent.inputs), values.receive(sent.metadata)])) as [
    Readonly<Record<string, unknown>>,
    Record<string, unknown>,
  ];
  const item = sent.item && { index: sent.item.index, key: await values.receive(sent.item.key) };
  const metrics = Object.assign(Object.create(null) as Record<string, number>, sent.metrics);
  const refuse = (member: string, remedy: string): never => {
    throw new TypeError(
      `ctx.${member} is not available on a remote backend. ${remedy}, or give node "${node}" { backend: "inline" }.`,
    );
  };
  const own: Context = {
    runId,
    workflow,
    nodeName: node,
    attempt,
    idempotencyKey: sent.idempotencyKey,
    item,
    inputs,
    trigger: sent.trigger,
    signal,
    metadata,
    metrics: checkedMetrics(metrics, `node "${node}"`),
    get: (name) => refuse("get", `Take the result of ${show(name)} as a parameter`),
    has: (name) => refuse("has", `Take the result of ${show(name)} as a parameter`),
    get results() {
      return refuse("results", "Take the results as parameters");
    },
    progress(fraction, message) {
      if (typeof fraction !== "number" || !(fraction >= 0 && fraction <= 1)) {
        throw new RangeError(`"fraction" must be a number, from 0 to 1; received ${show(fraction)}.`);
      }
      host.tell({ progress: message === undefined ? [fraction] : [fraction, asText(message)] });
    },
    log(message, fields, level) {
      const line = logLine(message, fields, level);
      host.tell({ log: { ...line, fields: values.codec.encode(line.fields, "fields") } });
    },
    run: () => refuse("run", "Make the workflow a node, with subworkflow()"),
  };
  // Makes it print like other contexts.
  return Object.setPrototypeOf(own, NodeContext.prototype) as Context;
}
