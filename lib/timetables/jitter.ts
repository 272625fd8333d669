import { createHash } from "node:crypto";

/** How many bytes of the hash are a number that is exact. */
const BYTES = 6;

/**
 * By how much a run is put off, in whole ms: at least 0, less than `jitter`, and always the same for a schedule and a
 * nominal time, whichever process asks.
 */
export function jitterOf(schedule: string, time: number, jitter: number): number {
  if (jitter === 0) return 0;
  const hash = createHash("sha256").update(`${schedule}@${time}`).digest();
  return Math.floor((hash.readUIntBE(0, BYTES) / 2 ** (8 * BYTES)) * jitter);
}
