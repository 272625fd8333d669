import type { Coroutine } from "../../base/coroutine.js";
import type { NodeFunction } from "../../definition/specs/node-spec.js";

/** In bytes. Smaller buffers are copied, which is just as fast. */
const SMALLEST = 65_536;
/** The number of a node's buffers to copy and watch before deciding about later ones. */
const SAMPLE = 4;

/** The buffers that a node has returned. */
interface Returned {
  /** The first buffers. Those that the node's module keeps stay alive. */
  readonly watched: WeakRef<ArrayBuffer>[];
  /** Whether later ones are transferred; undefined until that is decided. */
  isTransferred: boolean | undefined;
}

/**
 * Decides which buffers of a result a worker transfers instead of copying them.
 *
 * A transfer empties the buffer for the module that created it, which may still need it, for example as a lookup table.
 * So the first buffers of each node are copied, and then garbage is collected once. If all of them are gone, the node
 * keeps none, and its later buffers are transferred. A buffer seen before, or one that a result exposes only in part,
 * is always copied.
 */
export class BufferTransfer {
  private readonly nodes = new WeakMap<NodeFunction, Returned>();
  private readonly seen = new WeakSet<ArrayBuffer>();

  /** The buffers to transfer. Waits for the garbage collector once per node. */
  *of(node: NodeFunction, value: unknown, buffers: readonly ArrayBuffer[]): Coroutine<ArrayBuffer[]> {
    const large = buffers.filter((buffer) => buffer.byteLength >= SMALLEST && !this.seen.has(buffer));
    if (large.length === 0 || showsPart(value, large)) return [];
    let returned = this.nodes.get(node);
    if (returned === undefined) this.nodes.set(node, (returned = { watched: [], isTransferred: undefined }));
    const { watched } = returned;
    if (returned.isTransferred === undefined && watched.length >= SAMPLE) {
      yield collectGarbage();
      returned.isTransferred = watched.every((reference) => reference.deref() === undefined);
      watched.length = 0;
    }
    if (returned.isTransferred === true) return large;
    if (returned.isTransferred === undefined) {
      for (const buffer of large) {
        this.seen.add(buffer);
        watched.push(new WeakRef(buffer));
      }
    }
    return [];
  }
}

/** Takes about 15 ms. Does nothing if Node has no inspector; all buffers are then copied. */
async function collectGarbage(): Promise<void> {
  if (!process.features.inspector) return;
  const { Session } = process.getBuiltinModule("node:inspector");
  const session = new Session();
  session.connect();
  await new Promise<void>((resolve) => session.post("HeapProfiler.collectGarbage", () => resolve()));
  session.disconnect();
}

/** Whether the value is, or directly holds, a view of only a part of one of these buffers. */
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
