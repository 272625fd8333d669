import { deferred } from "../base/deferred.js";
import { REFUSED } from "./thread-protocol.js";

/**
 * A task that stands by: the thread that completes its task next begins with it, before anybody has heard of the completed
 * one. After a task that failed a thread refuses it, since a run that ends then must not begin anything more; it is
 * executed like any other once it is wanted.
 */
export class StandingTask {
  /** A thread has it, or has executed it. */
  isBegun = false;
  /** What a thread makes of it is known. */
  isAnswered = false;
  /** Called when a thread has executed or refused it. */
  onAnswer: (() => void) | undefined;
  private isWanted = false;
  private isRefused = false;
  private readonly result = deferred<unknown>();

  /** @param execute - like any other task */
  constructor(private readonly execute: () => Promise<unknown>) {}

  /** What the thread that began with it answered, or why none will. */
  get outcome(): Promise<unknown> {
    return this.result.promise;
  }

  /** From now on it need not wait for another task's success. */
  want(): void {
    this.isWanted = true;
    if (this.isRefused) this.executeNow();
  }

  answered(answer: unknown): void {
    if (answer === REFUSED) {
      this.isBegun = false;
      this.isRefused = true;
      if (this.isWanted) this.executeNow();
    } else {
      this.isAnswered = true;
      this.result.resolve(answer);
    }
    this.onAnswer?.();
  }

  failed(error: unknown): void {
    this.isAnswered = true;
    this.result.reject(error);
    this.onAnswer?.();
  }

  private executeNow(): void {
    this.execute().then(this.result.resolve, this.result.reject);
  }
}
