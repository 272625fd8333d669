import { append } from "../base/append.js";

/** The callers that wait for a run to enter a state. */
export class StateWaiters {
  private readonly byState = new Map<number, { resolve: () => void; reject: (error: Error) => void }[]>();

  /** Resolves when the run enters the state. @throws the error of {@link StateWaiters.close} */
  add(state: number): Promise<void> {
    return new Promise((resolve, reject) => append(this.byState, state, { resolve, reject }));
  }

  entered(state: number): void {
    for (const { resolve } of this.byState.get(state) ?? []) resolve();
    this.byState.delete(state);
  }

  /** Rejects all waiters: the run has ended. */
  close(errorFor: (state: number) => Error): void {
    for (const [state, waiters] of this.byState) for (const { reject } of waiters) reject(errorFor(state));
    this.byState.clear();
  }
}
