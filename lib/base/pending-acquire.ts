/** The wait for a permit, or for a throttle's token. */
export interface PendingAcquire {
  /** Resolves once the permit is acquired. */
  readonly granted: Promise<void>;
  /** Leaves the queue. A permit that was granted in the meantime is released. */
  cancel(): void;
}
