import { append } from "../base/append.js";

/** Who waits for an fsm's run to enter a state. */
export class StateWaiters {
  private readonly byState = new Map<number, { resolve: () => void; reject: (error: Error) => void }[]>();

  /** Resolves when the run enters the state. */
  add(state: number): Promise<void> {
    return new Promise((resolve, reject) => append(this.byState, state, { resolve, reject }));
  }

  entered(state: number): void {
    for (const { resolve } of this.byState.get(state) ?? []) resolve();
    this.byState.delete(state);
  }

  /** The run has ended: whoever still waits, waited in vain. */
  close(error: (state: number) => Error): void {
    for (const [state, list] of this.byState) for (const { reject } of list) reject(error(state));
    this.byState.clear();
  }
}
