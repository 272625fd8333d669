import type { Channel, Reader } from "../../engine/channel.js";

/**
 * Streams that split and join again can wait in a circle: a producer for room, which a node would make that waits for
 * another stream, and so on. Then a full buffer in the circle grows by an item, as often as needed. The same streams
 * with larger buffers would not have waited. Source: T. M. Parks, Bounded Scheduling of Process Networks, 1995.
 *
 * Cost: O(nodes + streams in circles) whenever a node begins to wait.
 */
export class Stalls {
  private readonly producers = new Map<Channel, number>();

  constructor(private readonly readers: ReadonlyMap<number, ReadonlyMap<Channel, Reader>>) {}

  watch(channel: Channel, producer: number): void {
    this.producers.set(channel, producer);
    channel.onStall = () => this.relieve();
  }

  private relieve(): void {
    for (const [channel, producer] of this.producers) {
      if (!channel.isFull) continue;
      const laggards = Array.from(this.readers).flatMap(([node, own]) => {
        const reader = own.get(channel);
        return reader !== undefined && channel.isSlowest(reader) ? [node] : [];
      });
      if (this.waitFor(laggards, producer)) return channel.grow();
    }
  }

  /** Whether any of some nodes waits, directly or through others, for a node. */
  private waitFor(nodes: number[], target: number): boolean {
    const seen = new Set(nodes);
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      if (node === target) return true;
      for (const next of this.waitsOf(node)) {
        if (seen.has(next)) continue;
        seen.add(next);
        nodes.push(next);
      }
    }
    return false;
  }

  /** The nodes that a node waits for: those whose items it wants, and those that leave it no room. */
  private *waitsOf(node: number): Generator<number> {
    for (const [channel, reader] of this.readers.get(node) ?? []) {
      const producer = this.producers.get(channel);
      if (producer !== undefined && reader.isWaiting) yield producer;
    }
    for (const [channel, producer] of this.producers) {
      if (producer !== node || !channel.isFull) continue;
      for (const [other, own] of this.readers) {
        const reader = own.get(channel);
        if (reader !== undefined && channel.isSlowest(reader)) yield other;
      }
    }
  }
}
