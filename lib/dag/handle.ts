import type { RunEvent } from "../run/events.js";
import type { RunResult } from "../run/result.js";
import type { DagRun } from "./dag-run.js";
import { eventRefused } from "./waits/wait-errors.js";
import { eventStream, joinedStream } from "../engine/event-stream.js";
import { checkEvent } from "../engine/events/payloads.js";
import type { RunLocation } from "../engine/run-location.js";
import type { RunPromises } from "../engine/run-promises.js";

/** A run in progress. */
export interface RunHandle<N = Record<string, unknown>> {
  /** The `runId` option, or else a random UUID. */
  readonly runId: string;
  /** Settles as `run` would. */
  readonly result: Promise<RunResult<N>>;
  /**
   * Resolves when the run is in its store, and so survives a crash of this process; at once without a store.
   * @throws {StoreError} when the run can't be recorded
   */
  readonly recorded: Promise<void>;
  /**
   * Starts no more nodes. Resolves when those in flight have settled, with status `paused` if any node is left.
   * @throws {StoreError} LEASE_HELD, at once, for a run that another process drives: only that process can pause it
   */
  pause(): Promise<RunResult<N>>;
  /**
   * Ends the run at once. Resolves with the partial result, status `cancelled`. If another process drives the run
   * (`ifExists: "attach"`), ends only the waiting for it, and rejects with a `CancelledError`.
   */
  cancel(reason?: unknown): Promise<RunResult<N>>;
  /**
   * Sends an event to the node that waits for it, or will. Resolves when it is recorded; without a store, when the node
   * has taken it.
   * @param event - for a node of a run inside, with the way to it: `"check.PAID"`, `"check[3].PAID"`
   * @throws {ValidationError} for an event that no node waits for, or a payload that its schema refuses; {ExecutionError}
   *   when the nodes that wait for it are over; {StoreError} RUN_ENDED when the run has ended or ends first, UNSTORABLE
   */
  send(event: string, payload?: unknown): Promise<void>;
  /**
   * The events of the run from this call to its end, for `for await`. Called in the same turn as `start`, it yields
   * all events. While another process drives the run there are none; they start when the run continues in this process.
   */
  events(): AsyncIterableIterator<RunEvent>;
}

/** The handle of a run that another process drives. */
export type RemoteDagHandle<N> = Pick<RunHandle<N>, "pause" | "send">;

/** The handle of a run that has begun. */
export function dagHandle<N>(run: DagRun, promises: RunPromises<RunResult<N>>): RunHandle<N> {
  return new BegunDag(run, promises);
}

/** A class, since V8 takes a microsecond to create an object with accessors. Its methods need no `this`. */
class BegunDag<N> implements RunHandle<N> {
  readonly result: Promise<RunResult<N>>;
  readonly pause: () => Promise<RunResult<N>>;
  readonly cancel: (reason?: unknown) => Promise<RunResult<N>>;
  readonly send: (event: string, payload?: unknown) => Promise<void>;
  readonly events: () => AsyncIterableIterator<RunEvent>;

  constructor(
    private readonly run: DagRun,
    { result, ended }: RunPromises<RunResult<N>>,
  ) {
    this.result = result;
    this.pause = () => (run.pause(), result);
    this.cancel = (reason) => (run.life.cancel(reason), ended);
    this.send = async (event, payload) => {
      checkEvent(event, payload);
      return run.send(event, payload);
    };
    this.events = () => eventStream((observer) => run.observe(observer));
  }

  get runId(): string {
    return this.run.state.runId;
  }

  get recorded(): Promise<void> {
    return this.run.recorded;
  }
}

/** The handle of a run that is over. */
export function endedDagHandle<N>(run: RunResult<N>, { result, ended }: RunPromises<RunResult<N>>): RunHandle<N> {
  return {
    runId: run.runId,
    result,
    recorded: Promise.resolve(),
    pause: () => result,
    cancel: () => ended,
    send: (event) => Promise.reject(eventRefused(run, event)),
    events: () => eventStream(() => undefined),
  };
}

/** The handle of a run that never begins. */
export function idleDagHandle<N>(run: DagRun, never: Promise<never>): RunHandle<N> {
  const events = () => eventStream((observer) => run.observe(observer));
  const { runId } = run.state;
  const nothing = () => never;
  return { runId, result: never, recorded: never, pause: nothing, cancel: nothing, send: nothing, events };
}

/** The handle of a new run that may attach to an existing one. Its methods wait until that is known. */
export function attachingDagHandle<N>(
  own: RunHandle<N>,
  location: RunLocation<RunHandle<N>, RemoteDagHandle<N>>,
): RunHandle<N> {
  const { runId } = own;
  const { result, recorded, local } = location;
  return {
    runId,
    result,
    recorded,
    pause: async () => {
      void own.pause();
      return (await location.current()).pause();
    },
    cancel: async (reason) => {
      location.giveUp(reason);
      void own.cancel(reason);
      return (await local).cancel(reason);
    },
    send: async (event, payload) => {
      checkEvent(event, payload);
      return (await location.current()).send(event, payload);
    },
    events: () => joinedStream(own, local),
  };
}
