/** Work that somebody waits for as a whole, however it comes out. */
export class InFlight {
  private readonly work = new Set<Promise<unknown>>();

  add(work: Promise<unknown>): void {
    const over = () => void this.work.delete(settled);
    const settled = work.then(over, over);
    this.work.add(settled);
  }

  /** Resolves when all has settled that was added, be it meanwhile. */
  async settled(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work);
  }
}
