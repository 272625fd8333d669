import { createHash, timingSafeEqual } from "node:crypto";

/** Whether a secret is the right one. Takes the same time whatever differs. */
export function isSameSecret(given: string, right: string): boolean {
  return timingSafeEqual(digest(given), digest(right));
}

/** Derived from a text in one direction only: the text can't be recovered from it. */
export function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
