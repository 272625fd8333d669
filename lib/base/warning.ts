/** Emits a process warning. Never throws. */
export function warn(message: string, type: string): void {
  try {
    process.emitWarning(message, type);
  } catch {
    // emitWarning was replaced by a function that throws.
  }
}
