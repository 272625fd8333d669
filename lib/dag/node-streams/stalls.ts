import type { Channel, Cursor, Party, StreamGroup } from "../../engine/channel.js";
import { StreamWait } from "../../engine/stream-wait.js";
import { findLastingDeadlock } from "../../policies/deadlock.js";
import { anyWaits, Holder } from "../../policies/holder.js";

/**
 * Streams that split and join again can end in a circular wait: a producer waits for room, which a node would make that
 * waits for another stream, and so on. Then a full buffer in the circle grows by an item, as often as needed: with
 * larger buffers, the same streams would not have waited. Source: T. M. Parks, Bounded Scheduling of Process Networks,
 * 1995.
 *
 * Call this whenever a node begins to wait: only then can a circle close.
 *
 * Cost: O(nodes + streams that it waits for, directly or through others).
 */
export function relieve(waiting: Party): void {
  for (let full = fullInCircle(waiting); full !== undefined; full = fullInCircle(waiting)) full.grow();
}

/** A full channel in a circular wait that a node is part of; undefined if there is none. */
function fullInCircle(from: Party): Channel | undefined {
  /** The first full channel on the way to each node. */
  const ways = new Map<Party, Channel | undefined>([[from, undefined]]);
  for (const [party, way] of ways) {
    for (const { party: next, full } of party.waits()) {
      const onWay = way ?? full;
      if (next === from && onWay !== undefined) return onWay;
      if (!ways.has(next)) ways.set(next, onWay);
    }
  }
  return undefined;
}

/** The run of a node, as its stream knows it. */
export interface StreamNodeSite {
  /** The node in messages. */
  describe(): string;
  /** The node that its run belongs to. */
  readonly outer: Party | undefined;
  /** What it counts as a part of when it waits. */
  readonly caller: Holder | undefined;
  /** The nodes that it waits for before it starts. */
  needs(): Iterable<Party>;
  /** Whether its streams alone can form a circular wait. */
  readonly mayCircle: boolean;
  /** The error for a wait that would never end. */
  deadlock(text: string): Error;
}

/** A node of a run that produces items, streams them, or keeps nodes that do from starting. */
export class StreamNode implements Party {
  /** Its place in each channel that it streams. */
  readonly readers = new Map<Channel, Cursor>();
  readonly holder: Holder;
  /** What the nodes wait for that need its result. */
  readonly result: StreamWait = new StreamWait("the result of", () => this);
  /** The channels that it fills. */
  private readonly channels = new Set<Channel>();
  /** For a workflow: the nodes inside that fill channels in its place. */
  private readonly inside = new Set<Party>();

  get mayCircle(): boolean {
    return this.site.mayCircle;
  }

  /** @param group - what it shares with others */
  constructor(
    readonly group: StreamGroup | undefined,
    private readonly site: StreamNodeSite,
  ) {
    this.holder = new Holder(
      () => site.describe(),
      site.caller,
      () => this.waits(),
    );
  }

  /** Starts to fill a channel, in the place of the workflow that it is in. */
  fill(channel: Channel): void {
    this.channels.add(channel);
    this.site.outer?.contain(this);
    channel.producer = this;
  }

  contain(inner: Party): void {
    this.inside.add(inner);
  }

  stalled(wait: StreamWait): Error | undefined {
    if (this.site.mayCircle) relieve(this);
    const deadlock = anyWaits() ? findLastingDeadlock(this.holder, wait) : undefined;
    return deadlock && this.site.deadlock(deadlock.text);
  }

  *waits(): Generator<StreamWait> {
    yield* this.waitsForItems();
    for (const channel of this.channels) if (channel.producer === this) yield* channel.waitsForRoom();
    for (const node of this.inside) yield node.result;
    for (const node of this.site.needs()) yield node.result;
  }

  *waitsForItems(): Generator<StreamWait> {
    for (const [channel, reader] of this.readers) if (reader.isWaiting) yield channel.nextItem;
    // A workflow may take streams as its inputs.
    if (this.site.outer !== undefined) yield* this.site.outer.waitsForItems();
  }
}
