import { sha256 } from "./batch.js";

/** The structure that was fingerprinted last: mostly the same workflow runs again. */
let last = { structure: "", fingerprint: "" };

/** What stands for a workflow's structure in the rows of its runs. */
export function fingerprintOf(structure: string): string {
  if (structure !== last.structure) {
    last = { structure, fingerprint: sha256(structure) };
  }
  return last.fingerprint;
}
