/** Tells screen readers what happened, and everybody for a moment. */
import { signalOf } from "./signal.js";

export const announcement = signalOf("");

export function announce(text: string): void {
  announcement.set(text);
}
