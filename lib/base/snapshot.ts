/** A value as it was at one moment, to be sent to threads: as bytes that all of them share, so that sending costs nothing. */
export type Snapshot =
  | { readonly bytes: Uint8Array }
  /** Bytes can't hold memory that is shared itself. */
  | { readonly value: unknown };

/** Keeps what `structuredClone` keeps. Cost: O(size of the value). @throws {Error} for what can't be cloned */
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

/** The value, made anew for each thread that reads it. */
export function readSnapshot(snapshot: Snapshot): unknown {
  if ("value" in snapshot) return snapshot.value;
  const { Deserializer } = process.getBuiltinModule("node:v8");
  const deserializer = new Deserializer(snapshot.bytes.slice());
  deserializer.readHeader();
  return deserializer.readValue();
}
