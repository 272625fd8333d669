/** A new run id: a random (version 4) UUID, RFC 9562. */
export function newRunId(): string {
  // The global loads node:crypto on first use; an import would load it at startup.
  return globalThis.crypto.randomUUID();
}
