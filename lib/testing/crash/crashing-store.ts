import type { RunStore } from "../../index.js";
import type { NewRun, RecordedRun, RunLog, SentEvent, WorkflowKind } from "../../stores/store.js";
import { crashed, type Crash } from "./crash.js";
import { CrashingLog } from "./crashing-log.js";

/** A store as a process uses it that crashes. What is written before is durable. */
export class CrashingStore implements RunStore {
  private readonly logs: CrashingLog[] = [];

  constructor(
    private readonly store: RunStore,
    private readonly crash: Crash,
  ) {}

  get queue(): RunStore["queue"] {
    return this.store.queue;
  }

  get values(): RunStore["values"] {
    return this.store.values;
  }

  async create(run: NewRun): Promise<RunLog> {
    if (!this.crash.write()) return this.keep(undefined);
    const log = await this.store.create(run);
    this.crash.written();
    return this.keep(log);
  }

  async claim(...run: Parameters<RunStore["claim"]>): Promise<RunLog | undefined> {
    if (!this.crash.write()) throw crashed();
    const log = await this.store.claim(...run);
    return log === undefined ? undefined : this.keep(log);
  }

  read(runId: string): Promise<RecordedRun> {
    return this.store.read(runId);
  }

  timeOfDay(): number {
    return this.store.timeOfDay();
  }

  copyOf<T>(value: T): T {
    return this.store.copyOf(value);
  }

  async send(event: SentEvent, after?: Promise<unknown>): Promise<void> {
    if (!this.crash.write()) throw crashed();
    await this.store.send(event, after);
  }

  cyclesAfter(runId: string, cycle: number): ReturnType<RunStore["cyclesAfter"]> {
    return this.store.cyclesAfter(runId, cycle);
  }

  recoverable(workflow: string, kind: WorkflowKind): ReturnType<RunStore["recoverable"]> {
    return this.store.recoverable(workflow, kind);
  }

  waitUntil(work: Promise<unknown>): void {
    this.store.waitUntil(work);
  }

  /** Lets others have the runs that the process has driven. */
  async abandon(): Promise<void> {
    for (const log of this.logs) await log.release();
  }

  private keep(log: RunLog | undefined): RunLog {
    const crashing = new CrashingLog(log, this.crash);
    this.logs.push(crashing);
    return crashing;
  }
}
