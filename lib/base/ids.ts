/** A fresh id for a run: a random (version 4) UUID, RFC 9562. */
export function newRunId(): string {
  // The global loads node:crypto when it is first used; an import would load it at start.
  return globalThis.crypto.randomUUID();
}
