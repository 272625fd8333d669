/** How many threads can run in parallel on this machine. */
export function cores(): number {
  return process.getBuiltinModule("node:os").availableParallelism();
}
