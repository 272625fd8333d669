/** Promises that are still in flight. */
export class InFlight {
  private readonly promises = new Set<Promise<unknown>>();

  add(promise: Promise<unknown>): void {
    const remove = () => void this.promises.delete(settled);
    const settled = promise.then(remove, remove);
    this.promises.add(settled);
  }

  /** Resolves when all promises have settled, including those added in the meantime. */
  async settled(): Promise<void> {
    while (this.promises.size > 0) await Promise.all(this.promises);
  }
}
