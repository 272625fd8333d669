/** What is asked of each system that runs submitted work: a node that adds 1, and one that waits for an event. */

/** What a system tells of. */
export interface Watch {
  /** A job has begun, or has been continued by its event. */
  begun(n: number): void;
}

export interface Contender {
  readonly name: string;
  /** Submits job `n`. Resolves when it is recorded. */
  submit(n: number, due?: Date): Promise<void>;
  /** The sum of the results of all that was submitted since the last call, when all is recorded as done. */
  finish(): Promise<number>;
  /** Jobs that wait for an event, where there are any. */
  readonly events?: Events | undefined;
  close(): Promise<void>;
}

export interface Events {
  /** Begins job `n`. Resolves when it waits. */
  readonly begin: (n: number) => Promise<void>;
  readonly send: (n: number) => Promise<void>;
}

/** How many jobs each system has in flight at once. */
export const CONCURRENCY = 50;

/** The name of what job `n` is known by. */
export const idOf = (prefix: string, n: number) => `${prefix}-${n}`;
