import { type Structure, unnumberedStructure } from "../../planning/structure.js";
import { sha256 } from "./blobs.js";

/** Caches the last structure: usually, the same workflow runs again. */
let last = { structure: "", fingerprint: "", fit: "" };

/** The hash of a workflow's structure, under which it is stored as a blob. */
export function fingerprintOf(structure: string): string {
  return hashes(structure).fingerprint;
}

/** The hash of the part of a run's structure that is the same in all builds of a workflow. */
export function fitOf(structure: string): string {
  return hashes(structure).fit;
}

function hashes(structure: string): typeof last {
  if (structure !== last.structure) {
    const fits = JSON.stringify(unnumberedStructure(JSON.parse(structure) as Structure));
    const fingerprint = sha256(structure);
    last = { structure, fingerprint, fit: fits === structure ? fingerprint : sha256(fits) };
  }
  return last;
}
