import { setImmediate } from "../../base/event-loop.js";

/** Thrown when a process uses its store after it has crashed. It never surfaces. */
export function crashed(): Error {
  return new Error("The process has crashed.");
}

/** Counts what a process writes, until it crashes: before one of the writes, of which nothing is left. */
export class Crash {
  /** How many writes there were. */
  writes = 0;
  hasHappened = false;
  private isWriting = false;

  /**
   * @param at - the write that is lost, counted from 0; Infinity for none
   * @param onCrash - called at that moment
   */
  constructor(
    private readonly at: number,
    private readonly onCrash: () => void,
  ) {}

  /** Called before a write, which covers one turn of the event loop. Returns whether it takes place. */
  write(): boolean {
    if (this.hasHappened) return false;
    if (this.isWriting) return true;
    if (this.writes === this.at) {
      this.hasHappened = true;
      this.onCrash();
      return false;
    }
    this.writes++;
    this.isWriting = true;
    setImmediate(() => this.written());
    return true;
  }

  /** What was to be written is, which may be before the turn ends: what comes now is another write. */
  written(): void {
    this.isWriting = false;
  }
}
