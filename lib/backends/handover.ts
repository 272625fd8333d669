import { setImmediate } from "../base/turn.js";
import type { NodeFunction } from "../definition/node-spec.js";

/** Buffers smaller than this, in bytes, are copied: that is as quick. */
const WORTH_MOVING = 65_536;
/** How many buffers must have been let go of before the next ones are moved. */
const PROBATION = 4;

/** What is known of the buffers that a node returns. */
interface Returns {
  /** The buffers that were copied out, oldest first; those the node's module keeps stay alive. */
  readonly latest: WeakRef<ArrayBuffer>[];
  isTrusted: boolean;
}

/**
 * Decides which buffers of a result a worker may give away instead of copying them.
 *
 * Moving a buffer empties it for the module that still holds it, such as a table it computed once. So the first results of
 * each node are copied, and only a node whose buffers were all collected as garbage afterwards, which proves that nobody
 * kept them, has its next ones moved. A buffer seen before, and one that a result shows only a part of, never moves.
 */
export class Handover {
  private readonly records = new WeakMap<NodeFunction, Returns>();
  private readonly seen = new WeakSet<ArrayBuffer>();

  /** The buffers to move. */
  async moving(node: NodeFunction, value: unknown, buffers: readonly ArrayBuffer[]): Promise<ArrayBuffer[]> {
    const large = buffers.filter((buffer) => buffer.byteLength >= WORTH_MOVING && !this.seen.has(buffer));
    if (large.length === 0 || showsPart(value, large)) return [];
    let record = this.records.get(node);
    if (record === undefined) this.records.set(node, (record = { latest: [], isTrusted: false }));
    if (record.isTrusted) return large;
    // Weak references are only cleared between two turns of the event loop, which piscina's worker avoids.
    await new Promise((resolve) => setImmediate(resolve));
    record.isTrusted = wereLetGo(record.latest);
    if (record.isTrusted) return large;
    for (const buffer of large) {
      this.seen.add(buffer);
      record.latest.push(new WeakRef(buffer));
    }
    return [];
  }
}

/**
 * Whether enough buffers, from the oldest on, are gone. One that is alive before one that is gone may be kept by somebody:
 * then all begins anew.
 */
function wereLetGo(references: WeakRef<ArrayBuffer>[]): boolean {
  const alive = references.map((reference) => reference.deref() !== undefined);
  const gone = alive.includes(true) ? alive.indexOf(true) : alive.length;
  if (alive.includes(false, gone)) references.length = 0;
  return gone >= PROBATION;
}

/** Whether the value is, or directly holds, a view on only a part of one of these buffers. */
function showsPart(value: unknown, buffers: readonly ArrayBuffer[]): boolean {
  const candidates: unknown[] =
    ArrayBuffer.isView(value) || typeof value !== "object" || value === null ? [value] : Object.values(value);
  return candidates.some(
    (view) =>
      ArrayBuffer.isView(view) &&
      buffers.includes(view.buffer as ArrayBuffer) &&
      view.byteLength < view.buffer.byteLength,
  );
}
