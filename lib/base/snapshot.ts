/** A copy of a value to send to threads, serialized into shared memory, so that sending it costs nothing. */
export type Snapshot =
  | { readonly bytes: Uint8Array }
  /** A value with shared memory of its own can't be serialized. */
  | { readonly value: unknown };

/**
 * Takes a snapshot, with the semantics of `structuredClone`. Cost: O(size of the value).
 * @throws {Error} if it can't be cloned
 */
export function snapshotOf(value: unknown): Snapshot {
  const { Serializer } = process.getBuiltinModule("node:v8");
  let isShared = false;
  const serializer = Object.assign(new Serializer(), {
    _getSharedArrayBufferId() {
      isShared = true;
      return 0;
    },
  });
  serializer.writeHeader();
  serializer.writeValue(value);
  if (isShared) return { value: structuredClone(value) };
  const written = serializer.releaseBuffer();
  const bytes = new Uint8Array(new SharedArrayBuffer(written.length));
  bytes.set(written);
  return { bytes };
}

/** Deserializes a snapshot, into a new value each time. */
export function readSnapshot(snapshot: Snapshot): unknown {
  if ("value" in snapshot) return snapshot.value;
  const { Deserializer } = process.getBuiltinModule("node:v8");
  const deserializer = new Deserializer(snapshot.bytes.slice());
  deserializer.readHeader();
  return deserializer.readValue();
}
