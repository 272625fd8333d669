/** A place in a line. */
export interface Waiting {
  /** Resolves when it is one's turn. */
  readonly granted: Promise<void>;
  /** Leaves the line or, when the turn has come meanwhile, gives back what was granted. */
  cancel(): void;
}
