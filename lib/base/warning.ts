/** Emits a process warning. Never throws: a warning is of what must not harm anything. */
export function warn(message: string, type: string): void {
  try {
    process.emitWarning(message, type);
  } catch {
    // Somebody put a function of their own there, which throws.
  }
}
