import { onAbort, type LazyAbort } from "../../base/abort.js";
import { nextTurn } from "../../base/event-loop.js";
import type { PendingAcquire } from "../../base/pending-acquire.js";
import type { Permits } from "../../engine/permits.js";
import type { StreamPlan } from "../../planning/streams.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { Channel } from "./channel.js";

type Source = Iterator<unknown> | AsyncIterator<unknown>;

/** How many items wait in the buffer of a producer, unless it says otherwise. */
const BUFFER = 16;

/** The run whose nodes stream items. */
export interface StreamingRun {
  readonly state: RunState;
  readonly isSequential: boolean;
  readonly sync: boolean;
  permitsOf(node: number): Permits;
  /** The consumers of a node may start. */
  streamStarted(node: number): void;
}

/** The streams of a run: the channels of its producers, and the slots that producers share with their consumers. */
export class Streams {
  private readonly channels = new Map<number, Channel>();
  /** What ends a producer that nobody streams any longer. */
  private readonly stops = new Map<number, () => void>();
  /** By group: how many of its nodes run. */
  private readonly running = new Map<number, number>();
  private readonly pending = new Map<number, Promise<unknown>>();

  constructor(
    private readonly run: StreamingRun,
    private readonly plan: StreamPlan,
  ) {}

  isMember(node: number): boolean {
    return this.plan.groups.has(node);
  }

  // --- slots ---

  /** Acquires the slot that a group shares. */
  acquire(node: number): PendingAcquire | undefined {
    const group = this.plan.groups.get(node) as number;
    const count = this.running.get(group) ?? 0;
    this.running.set(group, count + 1);
    const waiting = this.pending.get(group);
    if (waiting !== undefined) return { granted: waiting as Promise<void>, cancel: () => {} };
    if (count > 0) return undefined;
    const pending = this.run.permitsOf(node).acquire(node);
    if (pending === undefined) return undefined;
    this.pending.set(group, pending.granted);
    void pending.granted.then(() => this.pending.delete(group));
    return pending;
  }

  release(node: number): void {
    const group = this.plan.groups.get(node) as number;
    const count = (this.running.get(group) as number) - 1;
    this.running.set(group, count);
    if (count === 0) this.run.permitsOf(node).release();
  }

  // --- producers ---

  /** Whether a node is the source of items. */
  produces(node: number): boolean {
    return this.plan.producers.has(node);
  }

  /** The channel to the nodes that stream a node; undefined if none does. */
  channelOf(node: number): Channel | undefined {
    const producer = this.plan.producers.get(node);
    if (producer === undefined || producer.consumers.length === 0) return undefined;
    let channel = this.channels.get(node);
    if (channel === undefined) {
      const { state, isSequential } = this.run;
      const open = producer.consumers.filter((consumer) => state.status[consumer] <= Status.running);
      const { buffer = BUFFER } = state.plan.specs[node].options;
      channel = new Channel(isSequential ? 1 : buffer, open, () => this.abandoned(node));
      this.channels.set(node, channel);
    }
    return channel;
  }

  /** Whether the items of a node are kept for an array. */
  keeps(node: number): boolean {
    return this.plan.producers.get(node)?.keeps === true;
  }

  /** Whether a node in a stream has produced or taken an item, so that it can't run again. */
  hasBegun(node: number): boolean {
    const read = this.plan.consumers.get(node)?.some((source) => this.channels.get(source)?.hasBegun === true);
    return read === true || this.channels.get(node)?.hasBegun === true;
  }

  /** Runs the generator that a producer returned. Returns its items; undefined if they are not kept. */
  produce(node: number, source: Source, abort: LazyAbort): unknown {
    const channel = this.channelOf(node);
    if (channel === undefined && !isAsync(source)) return collect(source as Iterator<unknown>);
    this.begin(node, () => void close(source));
    const removeListener = onAbort(abort.signal, (reason) => {
      channel?.close({ failed: true, error: reason });
      void close(source);
    });
    return this.pass(node, source, channel).finally(() => {
      removeListener();
      this.stops.delete(node);
    });
  }

  /** A node produces items from now on. @param stop - called when nobody streams it any longer */
  begin(node: number, stop: () => void): void {
    this.stops.set(node, stop);
    this.run.streamStarted(node);
  }

  private async pass(node: number, source: Source, channel: Channel | undefined): Promise<unknown> {
    const keeps = channel === undefined || this.keeps(node);
    const items: unknown[] = [];
    try {
      while (keeps || channel?.isAbandoned !== true) {
        const step = await source.next();
        if (step.done === true) break;
        if (keeps) items.push(step.value);
        const room = channel?.push(step.value) ?? nextTurn();
        if (room !== undefined) await room;
      }
      channel?.close({ failed: false });
    } catch (error) {
      channel?.close({ failed: true, error });
      throw error;
    }
    if (keeps) return items;
    await close(source);
    this.run.state.facts.dropped.add(node);
    return undefined;
  }

  /** The last consumer has let go. */
  private abandoned(node: number): void {
    if (!this.keeps(node)) this.stops.get(node)?.();
  }

  // --- consumers ---

  /** The items of a node, for one that streams them. */
  reader(source: number, consumer: number): AsyncIterable<unknown> {
    const { state } = this.run;
    if (state.hasResult(source)) return replay(state.values[source] as readonly unknown[]);
    return (this.channelOf(source) as Channel).reader(consumer);
  }

  /** A node that streams others has settled. */
  settled(node: number): void {
    for (const source of this.plan.consumers.get(node) ?? []) this.channels.get(source)?.leave(node);
  }
}

function isAsync(source: Source): boolean {
  return Symbol.asyncIterator in source;
}

function collect(source: Iterator<unknown>): unknown[] {
  const items: unknown[] = [];
  for (let step = source.next(); step.done !== true; step = source.next()) items.push(step.value);
  return items;
}

async function* replay(items: readonly unknown[]): AsyncGenerator<unknown> {
  yield* items;
}

/** Ends a generator, which runs its `finally`. Its errors are those of the node only while it runs. */
async function close(source: Source): Promise<void> {
  try {
    await source.return?.();
  } catch {
    // The node has its outcome.
  }
}
