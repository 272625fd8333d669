import { Timer } from "../base/timer.js";
import { checkDuration, checkName, checkOptions } from "../base/check.js";
import { refusePromise } from "../base/coroutine.js";
import { ExecutionError } from "../run/errors.js";
import type { RunEvent } from "../run/events.js";
import type { FsmResult, StateKey } from "../run/fsm-result.js";
import { eventStream, joinedStream } from "../engine/event-stream.js";
import { unknownMember } from "../definition/definition.js";
import { neverDone } from "./errors.js";
import type { FsmRun } from "./fsm-run.js";
import type { Outcome } from "../engine/outcome.js";
import type { Whereabouts } from "../engine/whereabouts.js";

/** An fsm's run in progress, which takes events from outside. */
export interface FsmHandle<S = Record<string, unknown>, E = Record<string, any>> {
  readonly runId: string;
  /**
   * The state that is executing, or waits; of a run that another process drives, as it was when last seen, within a
   * second.
   */
  readonly state: StateKey<S>;
  /** Settles as `run` would; resolves after {@link FsmHandle.stop}. */
  readonly result: Promise<FsmResult<S>>;
  /**
   * Resolves when the run is in its store, so that it goes on whatever happens to this process; at once without a
   * store.
   * @throws {StoreError} what kept it from being recorded
   */
  readonly recorded: Promise<void>;
  /**
   * Sends an event. It stays queued, in order, until a state waits for it.
   * @returns a promise that resolves when the event is taken and, with a store, that is durable; or, by a run that
   * pauses, kept. For a run that another process drives, when it is recorded, see `Fsm.send`
   * @throws {ExecutionError} EXECUTION naming the event, when the run has ended or ends first; {StoreError} UNSTORABLE,
   * or what `Fsm.send` throws
   */
  send<K extends keyof E & string>(event: K, payload?: E[K]): Promise<void>;
  /**
   * Resolves when the run enters a state, at once when it is there. What another process has it do is seen within a
   * second.
   * @param options - `timeout` in ms, from now on, wherever the run is
   * @throws {ExecutionError} EXECUTION when the run ends elsewhere, or the time is over
   */
  waitFor(state: StateKey<S>, options?: { readonly timeout?: number | undefined }): Promise<void>;
  /**
   * Executes no more states; resolves when the one that is executing is done, as `paused` unless that was the end.
   * @throws {StoreError} LEASE_HELD, at once, of a run that another process drives: only that can pause it
   */
  pause(): Promise<FsmResult<S>>;
  /**
   * Ends the run as `cancelled`, now; resolves, as `result` does, with what it has so far. Of a run that another
   * process drives, found by `ifExists: "attach"`, it ends the waiting alone, and rejects with a `CancelledError`.
   */
  stop(): Promise<FsmResult<S>>;
  /**
   * What happens from now on, for `for await`; ends with the run, at once where that is over. Called in the same turn
   * as `start`, it tells everything. Of a run that another process drives, it tells what happens when that one is gone
   * and the run goes on here.
   */
  events(): AsyncIterableIterator<RunEvent>;
}

/** What there is of a run that another process drives. */
export type FsmElsewhere<S, E> = Pick<FsmHandle<S, E>, "state" | "send" | "waitFor" | "pause">;

/** The handle of a run that has begun. */
export function fsmHandle<S, E>(run: FsmRun, { result }: Outcome<FsmResult<S>>): FsmHandle<S, E> {
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
    waitFor: (state, options) => waitFor(run, state, options, (index) => run.watch(index)),
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
export function endedFsmHandle<S, E>(run: FsmResult<S>, { result, ended }: Outcome<FsmResult<S>>): FsmHandle<S, E> {
  const state = run.currentState as StateKey<S>;
  return {
    runId: run.runId,
    state,
    result,
    recorded: Promise.resolve(),
    send: (event) => Promise.reject(neverDone(run, state, `did not take event "${event}"`)),
    waitFor: (name) =>
      name === state ? Promise.resolve() : Promise.reject(neverDone(run, state, `did not enter state "${name}"`)),
    pause: () => result,
    stop: () => ended,
    events: () => eventStream(() => undefined),
  };
}

/** The handle of a run that never begins. */
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

/** The handle of a run that may turn out to be another; what is asked of it waits until that is known. */
export function eitherFsmHandle<S, E>(
  own: FsmHandle<S, E>,
  where: Whereabouts<FsmHandle<S, E>, FsmElsewhere<S, E>>,
  run: FsmRun,
): FsmHandle<S, E> {
  const { runId } = own;
  const { result, recorded, here } = where;
  const entered = async (state: StateKey<S>) => {
    // It may have been there before it is known that it is the one.
    const ours = own.waitFor(state);
    ours.catch(() => {});
    const handle = await where.now();
    return handle === own ? ours : handle.waitFor(state);
  };
  return {
    runId,
    get state() {
      return where.handle.state;
    },
    result,
    recorded,
    send: async (event, payload) => {
      checkEvent(event, payload);
      return (await where.now()).send(event, payload);
    },
    waitFor: (state, options) => waitFor(run, state, options, () => entered(state)),
    pause: async () => {
      void own.pause();
      return (await where.now()).pause();
    },
    stop: async () => {
      where.giveUp("stop() was called");
      void own.stop();
      return (await here).stop();
    },
    events: () => joinedStream(own, here),
  };
}

/** @param enters - resolves when the run enters the state of an index */
async function waitFor(
  { state: { plan, runId, workflow } }: FsmRun,
  name: string,
  options: { readonly timeout?: number } = {},
  enters: (index: number) => Promise<void>,
): Promise<void> {
  checkOptions(options, { timeout: checkDuration }, "waitFor");
  const { timeout } = options;
  const index = plan.indexOf.get(name);
  if (index === undefined) throw unknownMember("state", workflow, name, plan.indexOf.keys());
  const entered = enters(index);
  if (timeout === undefined) return entered;
  let timer: Timer | undefined;
  const expired = new Promise<never>((_, reject) => {
    const message = `The run of "${workflow}" did not enter state "${name}" within ${timeout} ms. Raise the timeout, or see where it goes with events().`;
    timer = Timer.after(timeout, () => reject(new ExecutionError(message, { runId })));
  });
  try {
    await Promise.race([entered, expired]);
  } finally {
    timer?.stop();
    entered.catch(() => {});
  }
}
