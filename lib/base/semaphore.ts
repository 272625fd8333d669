import { Queue } from "./queue.js";

/** Lets so many in at once. Others wait, first come first served, for as long as it takes. */
export class Semaphore {
  private readonly line = new Queue<() => void>();
  private inside = 0;

  constructor(private readonly limit: number) {}

  /** Resolves when there is room; to be left again. */
  async enter(): Promise<void> {
    if (this.inside < this.limit) this.inside++;
    else await new Promise<void>((enter) => this.line.push(enter));
  }

  leave(): void {
    const { first } = this.line;
    if (first === undefined) {
      this.inside--;
      return;
    }
    this.line.remove(first);
    first.value();
  }
}
