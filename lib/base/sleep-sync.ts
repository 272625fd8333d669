/** Blocks the thread for `ms` milliseconds, for synchronous callers. */
export function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
