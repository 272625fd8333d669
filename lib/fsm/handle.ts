import { Timer } from "../base/timer.js";
import { checkDuration, checkName, checkOptions } from "../base/check.js";
import { refusePromise } from "../base/coroutine.js";
import { unknownMember } from "../definition/definition.js";
import { eventStream, joinedStream } from "../engine/event-stream.js";
import type { RunLocation } from "../engine/run-location.js";
import type { RunPromises } from "../engine/run-promises.js";
import { ExecutionError } from "../run/errors.js";
import type { RunEvent } from "../run/events.js";
import type { FsmResult, StateKey } from "../run/fsm-result.js";
import { endedWithout } from "./errors.js";
import type { FsmRun } from "./fsm-run.js";

/** A run of an fsm in progress, which takes events. */
export interface FsmHandle<S = Record<string, unknown>, E = Record<string, any>> {
  /** The `runId` option, or else a random UUID. */
  readonly runId: string;
  /** The current state. If another process drives the run, it may be out of date by a second. */
  readonly state: StateKey<S>;
  /** Settles as `run` would, but resolves after {@link FsmHandle.stop}. */
  readonly result: Promise<FsmResult<S>>;
  /**
   * Resolves when the run is in its store, and so continues even if this process crashes; at once without a store.
   * @throws {StoreError} when it can't be recorded
   */
  readonly recorded: Promise<void>;
  /**
   * Sends an event. It is queued, in order, until a state waits for it.
   * @returns a promise that resolves when the event is taken and, with a store, that is durable, or when the run pauses
   *   and keeps it. For a run that another process drives, it resolves when the event is recorded, see `Fsm.send`
   * @throws {ExecutionError} EXECUTION naming the event, when the run has ended or ends first; {StoreError} UNSTORABLE,
   *   or as `Fsm.send`
   */
  send<K extends keyof E & string>(event: K, payload?: E[K]): Promise<void>;
  /**
   * Resolves when the run enters a state, at once when that is the current one. If another process drives the run, that
   * is noticed within a second.
   * @param options - `timeout` in ms, counted from this call
   * @throws {ExecutionError} EXECUTION when the run ends in another state, or the timeout elapses
   */
  waitFor(state: StateKey<S>, options?: { readonly timeout?: number | undefined }): Promise<void>;
  /**
   * Executes no more states. Resolves when the executing one is done, as `paused` unless the run has ended with it.
   * @throws {StoreError} LEASE_HELD, at once, if another process drives the run: only that process can pause it
   */
  pause(): Promise<FsmResult<S>>;
  /**
   * Ends the run as `cancelled`, at once. Resolves, as `result` does, with its partial result. If another process
   * drives the run (`ifExists: "attach"`), ends only the waiting for it, and rejects with a `CancelledError`.
   */
  stop(): Promise<FsmResult<S>>;
  /**
   * The events of the run from this call to its end, for `for await`. Called in the same turn as `start`, it has all
   * events. While another process drives the run there are none; they start when the run continues in this process.
   */
  events(): AsyncIterableIterator<RunEvent>;
}

/** The handle of a run that another process drives. */
export type RemoteFsmHandle<S, E> = Pick<FsmHandle<S, E>, "state" | "send" | "waitFor" | "pause">;

/** The handle of a run that has been started. */
export function fsmHandle<S, E>(run: FsmRun, { result }: RunPromises<FsmResult<S>>): FsmHandle<S, E> {
  return {
    get runId() {
      return run.state.runId;
    },
    get state() {
      const { state } = run;
      return state.plan.specs[state.current].name as StateKey<S>;
    },
    result,
    get recorded() {
      return run.recorded;
    },
    send: async (event, payload) => {
      checkEvent(event, payload);
      return run.send(event, payload);
    },
    waitFor: (state, options) => waitFor(run, state, options, (index) => run.waitForState(index)),
    pause: () => (run.pause(), result),
    stop: () => (run.life.stop(), result),
    events: () => eventStream((observer) => run.observe(observer)),
  };
}

/** @throws {TypeError} */
function checkEvent(event: string, payload: unknown): void {
  checkName("event", event);
  refusePromise(`The payload of event "${event}"`, payload);
}

/** The handle of a run that is over. */
export function endedFsmHandle<S, E>(run: FsmResult<S>, { result, ended }: RunPromises<FsmResult<S>>): FsmHandle<S, E> {
  const state = run.currentState as StateKey<S>;
  return {
    runId: run.runId,
    state,
    result,
    recorded: Promise.resolve(),
    send: (event) => Promise.reject(endedWithout(`take event "${event}"`, run, state)),
    waitFor: (name) =>
      name === state ? Promise.resolve() : Promise.reject(endedWithout(`enter state "${name}"`, run, state)),
    pause: () => result,
    stop: () => ended,
    events: () => eventStream(() => undefined),
  };
}

/** The handle of a run that never starts. */
export function idleFsmHandle<S, E>(run: FsmRun, never: Promise<never>): FsmHandle<S, E> {
  const { plan, current, runId } = run.state;
  return {
    runId,
    state: plan.specs[current].name as StateKey<S>,
    result: never,
    recorded: never,
    send: () => never,
    waitFor: () => never,
    pause: () => never,
    stop: () => never,
    events: () => eventStream((observer) => run.observe(observer)),
  };
}

/** The handle of a new run that may attach to an existing one. Its methods wait until that is known. */
export function attachingFsmHandle<S, E>(
  own: FsmHandle<S, E>,
  location: RunLocation<FsmHandle<S, E>, RemoteFsmHandle<S, E>>,
  run: FsmRun,
): FsmHandle<S, E> {
  const { runId } = own;
  const { result, recorded, local } = location;
  const waitForState = async (state: StateKey<S>) => {
    // The new run may enter the state, and leave it, before it is known to be the only one.
    const ours = own.waitFor(state);
    ours.catch(() => {});
    const handle = await location.current();
    return handle === own ? ours : handle.waitFor(state);
  };
  return {
    runId,
    get state() {
      return location.handle.state;
    },
    result,
    recorded,
    send: async (event, payload) => {
      checkEvent(event, payload);
      return (await location.current()).send(event, payload);
    },
    waitFor: (state, options) => waitFor(run, state, options, () => waitForState(state)),
    pause: async () => {
      void own.pause();
      return (await location.current()).pause();
    },
    stop: async () => {
      location.giveUp("stop() was called");
      void own.stop();
      return (await local).stop();
    },
    events: () => joinedStream(own, local),
  };
}

/** @param waitForState - resolves when the run enters the state of an index */
async function waitFor(
  { state: { plan, runId, workflow } }: FsmRun,
  name: string,
  options: { readonly timeout?: number } = {},
  waitForState: (index: number) => Promise<void>,
): Promise<void> {
  checkOptions(options, { timeout: checkDuration }, "waitFor");
  const { timeout } = options;
  const index = plan.indexOf.get(name);
  if (index === undefined) throw unknownMember("state", workflow, name, plan.indexOf.keys());
  const entered = waitForState(index);
  if (timeout === undefined) return entered;
  let timer: Timer | undefined;
  const expired = new Promise<never>((_, reject) => {
    const message = `The run of "${workflow}" did not enter state "${name}" within ${timeout} ms. Raise the timeout, or follow the run with events().`;
    timer = Timer.after(timeout, () => reject(new ExecutionError(message, { runId })));
  });
  try {
    await Promise.race([entered, expired]);
  } finally {
    timer?.stop();
    entered.catch(() => {});
  }
}
