/** The broker port: a database through which BullMQ passes jobs on. */
import type { IQueueBackend, Queue } from "bullmq";

/** A queue of BullMQ, on any backend. `T` is the data of its jobs. */
export type JobQueue<T = any> = Queue<T, any, string, T, any, string, IQueueBackend>;

/** A connection to a broker. It is made on first use, and again when it has broken. It keeps no process alive. */
export interface Broker {
  /** Resolves when the broker can be used. @throws the reason why it can't */
  ready(): Promise<void>;
  /** Resolves when it is certain that tickets can be written. @throws the reason why they can't */
  probe(): Promise<void>;
  /** What to do about what the broker refuses, and would refuse again; undefined for an outage, which may pass. */
  remedyFor(error: unknown): string | undefined;
  /** Opens a queue, once the broker has been ready. */
  open(name: string): JobQueue;
  /** @param onRing - called with a queue that may have a job, and with none when jobs may have been missed or lost */
  bell(onRing: (queue: string | undefined) => void): Bell;
  close(): Promise<void>;
}

/** Rings when there are jobs: a hint, which may be wrong, and may be missing. */
export interface Bell {
  /** Rings once for the next job of these queues, if it has to be told for whom it is to listen. */
  listen(queues: readonly string[]): void;
  /** Rings at somebody else's, who may have been left out. */
  passOn(queue: string): void;
  close(): void;
}

/** How long a connection may take, and an answer, in ms. */
export const ANSWER_TIMEOUT = 5000;

/** How long before a connection without traffic is probed, in ms. */
export const KEEP_ALIVE = 10_000;

/**
 * How long a job that has been taken belongs to who took it, in ms: then it goes to another. Looking whether its run can
 * be driven is all that is done with it.
 */
export const LOCK = 5000;

/** What BullMQ is told of every queue. */
export const QUEUE_OPTIONS = { lockDuration: LOCK, stalledInterval: LOCK, maxStalledCount: 2 ** 31 - 1 };
