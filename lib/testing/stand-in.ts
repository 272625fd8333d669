/** A function in the place of a node's, with a rest parameter: it takes whatever the node takes. */
export function standIn(fn: (...args: any[]) => unknown): (...args: unknown[]) => unknown {
  return (...args) => fn(...args);
}
