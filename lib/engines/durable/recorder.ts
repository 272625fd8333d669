import { StoreError } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import type { EventFacts } from "../../run/events.js";
import type { RunStatus } from "../../run/status.js";
import type { RunBase } from "../../run/run-base.js";
import type { Driving, Durability, RunLog } from "../../stores/store.js";

/**
 * Writes what happens in a run to its store, out of the same events that observers get.
 *
 * What can't be written ends the run: see {@link Recorder.onFailure}. An attempt waits at the {@link Recorder.gate} until all
 * before it is durable, so that nothing ever depends on what could still be lost.
 */
export abstract class Recorder {
  /** Ends the run with an error; set by the run. */
  onFailure: (error: Error) => void = () => {};
  readonly driving: Driving;
  protected log: RunLog | undefined;
  private opening: Promise<void> | undefined;
  /** What could not be kept of the run. */
  private unstorable: StoreError | undefined;

  constructor(
    state: RunBase,
    durability: Durability = "strict",
    /** Makes the run known to the store; undefined when that is done already. */
    private readonly create?: (recorder: Recorder) => Promise<RunLog>,
  ) {
    this.driving = {
      durability,
      metadata: () => state.sharedMetadata,
      // Not in the middle of what the run is doing.
      onFailure: (error) => queueMicrotask(() => this.onFailure(error)),
    };
  }

  /** The run is known to the store already. */
  attach(log: RunLog): void {
    this.log = log;
  }

  /** Resolves when the run is known to the store. @throws {StoreError} RUN_EXISTS, UNSTORABLE, STORE */
  open(): Promise<void> {
    const open = async () => {
      this.log ??= await this.create?.(this);
      this.guarded((log) => this.begin(log));
    };
    return (this.opening ??= open());
  }

  /** Takes an event of the run in. */
  record(facts: EventFacts, at: number, node: number | undefined): void {
    this.guarded((log) => this.write(log, facts, at, node));
  }

  /** What has to be waited for before the next attempt; undefined when nothing has. */
  gate(): Promise<void> | undefined {
    return this.log?.durable();
  }

  /** Makes all durable, with how the run ended. @throws {StoreError} when that fails, or something could not be kept */
  async finish(status: RunStatus, error: unknown): Promise<void> {
    try {
      await this.open();
    } catch {
      return; // The run has ended with this error.
    }
    this.guarded((log) => this.end(log));
    // A run that ended in the same turn has not heard of it.
    const missed = error === undefined ? this.unstorable : undefined;
    const end = missed === undefined ? { status, error } : { status: "failed" as const, error: missed };
    await this.log?.finish({ ...end, outputs: this.outputs() });
    if (missed !== undefined) throw missed;
  }

  /** What the run has before anything happens in it. */
  protected abstract begin(log: RunLog): void;
  protected abstract write(log: RunLog, facts: EventFacts, at: number, node: number | undefined): void;
  /** What no event tells. */
  protected abstract end(log: RunLog): void;
  /** The names of the nodes whose results are the run's. */
  protected abstract outputs(): string[];

  protected guarded(work: (log: RunLog) => void): void {
    if (this.log === undefined) return;
    try {
      work(this.log);
    } catch (cause) {
      const error =
        cause instanceof StoreError
          ? cause
          : new StoreError(`The run can't be recorded: ${messageOf(cause)}. See the cause.`, "UNSTORABLE", { cause });
      this.unstorable ??= error;
      this.driving.onFailure(error);
    }
  }
}
