import type { Permits } from "../engine/permits.js";
import { NodeSlot } from "../engine/slot.js";

/** The permit of a node that is a plain call. */
export class PlainSlot extends NodeSlot {
  constructor(
    private readonly run: { pump(): void },
    private readonly node: number,
    private readonly permits: Permits,
  ) {
    super();
  }

  protected acquire(): Promise<unknown> | undefined {
    const pending = this.permits.acquire(this.node);
    if (pending !== undefined) this.run.pump();
    return pending?.granted;
  }

  protected release(): void {
    this.permits.release();
    this.run.pump();
  }
}
