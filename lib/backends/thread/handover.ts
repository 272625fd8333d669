import type { Coroutine } from "../../base/coroutine.js";
import type { NodeFunction } from "../../definition/specs/node-spec.js";

/** Buffers smaller than this, in bytes, are copied: that is as quick. */
const WORTH_MOVING = 65_536;
/** How many buffers of a node are copied and watched before it is decided about all further ones. */
const PROBATION = 4;

/** What is known of the buffers that a node returns. */
interface Returns {
  /** The first ones; those the node's module keeps stay alive. */
  readonly watched: WeakRef<ArrayBuffer>[];
  /** Whether further ones are moved; undefined while that is open. */
  isTrusted: boolean | undefined;
}

/**
 * Decides which buffers of a result a worker may give away instead of copying them.
 *
 * Moving a buffer empties it for the module that still holds it, such as a table it computed once. So the first buffers of
 * each node are copied. Then the worker's garbage is collected, once: if they are all gone, nobody keeps what this node
 * returns, and its further buffers move. A buffer seen before, and one that a result shows only a part of, never moves.
 */
export class Handover {
  private readonly records = new WeakMap<NodeFunction, Returns>();
  private readonly seen = new WeakSet<ArrayBuffer>();

  /** The buffers to move. Waits only for what it decides once a node. */
  *moving(node: NodeFunction, value: unknown, buffers: readonly ArrayBuffer[]): Coroutine<ArrayBuffer[]> {
    const large = buffers.filter((buffer) => buffer.byteLength >= WORTH_MOVING && !this.seen.has(buffer));
    if (large.length === 0 || showsPart(value, large)) return [];
    let record = this.records.get(node);
    if (record === undefined) this.records.set(node, (record = { watched: [], isTrusted: undefined }));
    const { watched } = record;
    if (record.isTrusted === undefined && watched.length >= PROBATION) {
      yield collectGarbage();
      record.isTrusted = watched.every((reference) => reference.deref() === undefined);
      watched.length = 0;
    }
    if (record.isTrusted === true) return large;
    if (record.isTrusted === undefined) {
      for (const buffer of large) {
        this.seen.add(buffer);
        watched.push(new WeakRef(buffer));
      }
    }
    return [];
  }
}

/** Takes some 15 ms. Does nothing in a Node without inspector, where buffers are always copied then. */
async function collectGarbage(): Promise<void> {
  if (!process.features.inspector) return;
  const { Session } = process.getBuiltinModule("node:inspector");
  const session = new Session();
  session.connect();
  await new Promise<void>((resolve) => session.post("HeapProfiler.collectGarbage", () => resolve()));
  session.disconnect();
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
