import { sha256 } from "./blobs.js";

/** Caches the last structure: usually, the same workflow runs again. */
let last = { structure: "", fingerprint: "" };

/** The hash of a workflow's structure, under which it is stored as a blob. */
export function fingerprintOf(structure: string): string {
  if (structure !== last.structure) {
    last = { structure, fingerprint: sha256(structure) };
  }
  return last.fingerprint;
}
