/** Where a {@link VirtualTimer} belongs. */
export interface TimerOwner {
  restart(timer: VirtualTimer): void;
  clear(timer: VirtualTimer): void;
}

/** A timer in place of one of Node's. */
export class VirtualTimer {
  /** When it is due, in ms since 1970; Infinity if nothing is known to be. */
  at = Infinity;
  /** When it looks whether something is, of a timer that looks; Infinity as long as it would find nothing. */
  lookAt = Infinity;
  /** Whether it is due again and again. */
  readonly repeats: boolean;
  /** How often it looks, in ms; Infinity if it only fires when it is due. */
  readonly interval: number;
  private isRef = true;

  /**
   * @param order - orders timers that are due at the same time; in place of the timer itself in `clearTimeout`
   */
  constructor(
    private readonly owner: TimerOwner,
    public order: number,
    readonly callback: () => void,
    readonly delay: number,
    { repeats = false, interval = Infinity }: { readonly repeats?: boolean; readonly interval?: number } = {},
  ) {
    this.repeats = repeats;
    this.interval = interval;
  }

  /** When it calls its function. */
  get next(): number {
    return Math.min(this.at, this.lookAt);
  }

  /** Whether something happens when it fires: one that would not keep a process alive, such as of an idle socket, cleans up. */
  get matters(): boolean {
    return this.isRef || this.interval < Infinity;
  }

  ref(): this {
    this.isRef = true;
    return this;
  }

  unref(): this {
    this.isRef = false;
    return this;
  }

  hasRef(): boolean {
    return this.isRef;
  }

  refresh(): this {
    this.owner.restart(this);
    return this;
  }

  close(): this {
    this.owner.clear(this);
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.order;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
