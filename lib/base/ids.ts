import { randomUUID } from "node:crypto";

/** A fresh id for a run: a random (version 4) UUID, RFC 9562. */
export function newRunId(): string {
  return randomUUID();
}
