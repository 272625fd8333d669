/** How many threads can do something at once on this machine. */
export function cores(): number {
  return process.getBuiltinModule("node:os").availableParallelism();
}
