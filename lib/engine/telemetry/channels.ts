/**
 * Publishes runs on the tracing channels of `node:diagnostics_channel`: `dagwright:run`, `dagwright:node`,
 * `dagwright:attempt`. Each run, each node that starts, and each attempt is an asynchronous operation there: `start`
 * and `end` when it begins, `asyncStart` and `asyncEnd` when it has ended, and before that `error` if it has failed. A
 * store that is bound to a `start` channel is current while the run, the node or the attempt is in progress.
 *
 * Subscribers are looked for once, when a run is created. Without any, nothing else is done.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { TracingChannel } from "node:diagnostics_channel";
import type { EventFacts } from "../../run/events.js";
import type { AttemptEnd, AttemptTelemetry, FollowedRun, RunTelemetry, Telemetry } from "./telemetry.js";

/** The message about a run. */
export interface RunMessage {
  readonly runId: string;
  readonly workflow: string;
  /** From `asyncStart` on. */
  status?: string;
  error?: unknown;
}

/** The message about a node. */
export interface NodeMessage extends RunMessage {
  readonly node: string;
  result?: unknown;
}

/** The message about an attempt. */
export interface AttemptMessage extends NodeMessage {
  /** Counted from 1. */
  readonly attempt: number;
  /** The index of the item, in a map. */
  readonly item: number | undefined;
}

interface Channels {
  readonly run: TracingChannel<unknown, RunMessage>;
  readonly node: TracingChannel<unknown, NodeMessage>;
  readonly attempt: TracingChannel<unknown, AttemptMessage>;
}

let channels: Channels | undefined;
/** How many modules of Node were loaded when the module of channels was last looked for. */
let searched = -1;

/** What follows a run on the channels; undefined if they have no subscribers. */
export function subscribedChannels(): Pick<Telemetry, "follow"> | undefined {
  if (channels === undefined && isUnused()) return undefined;
  const { run, node, attempt } = (channels ??= openChannels());
  return isSubscribed(run) || isSubscribed(node) || isSubscribed(attempt) ? FOLLOWER : undefined;
}

/** Node 20 has it, but its types lack it. */
function isSubscribed(channel: object): boolean {
  return (channel as { readonly hasSubscribers: boolean }).hasSubscribers;
}

/** Whether the module of channels was never loaded, so that there can be no subscribers. Loading it takes 0.6 ms. */
function isUnused(): boolean {
  const { moduleLoadList: loaded } = process as { readonly moduleLoadList?: readonly string[] };
  if (loaded === undefined) return false;
  if (loaded.length === searched) return true;
  searched = loaded.length;
  return !loaded.includes("NativeModule diagnostics_channel");
}

function openChannels(): Channels {
  const { tracingChannel } = process.getBuiltinModule("node:diagnostics_channel");
  return {
    run: tracingChannel("dagwright:run"),
    node: tracingChannel("dagwright:node"),
    attempt: tracingChannel("dagwright:attempt"),
  };
}

/** An operation in progress: from `start` to `asyncEnd`. */
class Operation<M extends RunMessage> {
  private readonly scope: <T>(work: () => T) => T;
  private isOver = false;

  constructor(
    private readonly channel: TracingChannel<unknown, M>,
    private readonly message: M,
  ) {
    const { start, end } = channel;
    this.scope = start.runStores(message, () => AsyncLocalStorage.snapshot());
    end.publish(message);
  }

  within<T>(work: () => T): T {
    return this.scope(work);
  }

  over(outcome: Partial<M>): void {
    if (this.isOver) return;
    this.isOver = true;
    const { channel, message } = this;
    Object.assign(message, outcome);
    this.within(() => {
      if (message.error !== undefined) channel.error.publish(message);
      channel.asyncStart.publish(message);
      channel.asyncEnd.publish(message);
    });
  }
}

class RunChannels implements RunTelemetry {
  readonly trace = undefined;
  private operation: Operation<RunMessage> | undefined = undefined;
  private readonly nodes = new Map<string, Operation<NodeMessage>>();
  private readonly attempts = new Map<string, Set<Operation<AttemptMessage>>>();

  constructor(
    private readonly channels: Channels,
    private readonly run: FollowedRun,
  ) {}

  within<T>(work: () => T): T {
    return this.operation === undefined ? work() : this.operation.within(work);
  }

  record(facts: EventFacts, node: string | undefined): void {
    switch (facts.type) {
      case "run.started":
        this.operation = new Operation<RunMessage>(this.channels.run, this.message);
        return;
      case "attempt.started":
        this.open(node as string);
        return;
      case "node.completed":
        return this.close(node as string, { status: "completed", result: facts.result });
      case "node.failed":
        return this.close(node as string, { status: "failed", error: facts.error });
      case "node.cancelled":
        return this.close(node as string, { status: "cancelled" });
      case "run.finished":
        return this.end({ status: facts.status, error: facts.error });
      default:
    }
  }

  attempt(node: string, attempt: number, item: number | undefined): AttemptTelemetry {
    const message = { ...this.message, node, attempt, item };
    const operation = this.open(node).within(() => new Operation<AttemptMessage>(this.channels.attempt, message));
    const attempts = this.attempts.get(node) ?? new Set();
    this.attempts.set(node, attempts.add(operation));
    return new AttemptChannels(operation, () => attempts.delete(operation));
  }

  /** Channels report runs and their nodes, and a refresh is neither. */
  refresh(): undefined {}

  lost(): void {
    this.end({ status: "lost" });
  }

  private get message(): RunMessage {
    const { runId, workflow } = this.run;
    return { runId, workflow };
  }

  private open(node: string): Operation<NodeMessage> {
    const known = this.nodes.get(node);
    if (known !== undefined) return known;
    const operation = this.within(() => new Operation<NodeMessage>(this.channels.node, { ...this.message, node }));
    this.nodes.set(node, operation);
    return operation;
  }

  private close(node: string, outcome: Partial<NodeMessage>): void {
    for (const attempt of this.attempts.get(node) ?? []) attempt.over({ status: outcome.status });
    this.attempts.delete(node);
    this.nodes.get(node)?.over(outcome);
    this.nodes.delete(node);
  }

  private end(outcome: Partial<RunMessage>): void {
    for (const node of Array.from(this.nodes.keys())) this.close(node, { status: outcome.status });
    this.operation?.over(outcome);
  }
}

class AttemptChannels implements AttemptTelemetry {
  readonly trace = undefined;

  constructor(
    private readonly operation: Operation<AttemptMessage>,
    private readonly forget: () => void,
  ) {}

  within<T>(work: () => T): T {
    return this.operation.within(work);
  }

  follow(run: FollowedRun): RunTelemetry {
    return FOLLOWER.follow(run);
  }

  ended(how: AttemptEnd, outcome: unknown): void {
    this.operation.over({ status: how, ...(how === "completed" ? { result: outcome } : { error: outcome }) });
    this.forget();
  }
}

const FOLLOWER: Pick<Telemetry, "follow"> = {
  follow: (run) => new RunChannels(channels as Channels, run),
};
