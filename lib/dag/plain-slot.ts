import type { Permits } from "../engine/permits.js";
import { NodeSlot } from "../engine/slot.js";

/** The permit of a node that is a plain call. */
export class PlainSlot extends NodeSlot {
  /** Whether it keeps the place of the node. */
  private hasPlace = false;

  constructor(
    private readonly run: { pump(): void },
    private readonly node: number,
    private readonly permits: Permits,
  ) {
    super();
  }

  override settle(): boolean {
    if (this.hasPlace) this.permits.leavePlace();
    return super.settle();
  }

  protected acquire(): Promise<unknown> | undefined {
    const pending = this.permits.acquire(this.node);
    if (pending !== undefined) this.run.pump();
    return pending?.granted;
  }

  protected release(): void {
    if (!this.hasPlace) this.permits.keepPlace();
    this.hasPlace = true;
    this.permits.release();
    this.run.pump();
  }
}
