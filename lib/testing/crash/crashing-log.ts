import type { Pause } from "../../index.js";
import type {
  AttemptEntry,
  CycleEntry,
  MomentEntry,
  QueuedEvent,
  RunEnd,
  RunLog,
  Traversal,
  WaitEntry,
} from "../../stores/store.js";
import type { Crash } from "./crash.js";

/** Nothing goes on after a crash. */
const NEVER = new Promise<never>(() => {});

/** The log of a run whose process crashes: nothing is added from then on, and nothing becomes durable. */
export class CrashingLog implements RunLog {
  private isOpen = true;

  constructor(
    /** Undefined for a run that begins after the crash. */
    private readonly log: RunLog | undefined,
    private readonly crash: Crash,
  ) {}

  attempt(entry: AttemptEntry): void {
    if (this.crash.write()) this.log?.attempt(entry);
  }

  traversals(list: readonly Traversal[]): void {
    if (list.length > 0 && this.crash.write()) this.log?.traversals(list);
  }

  moment(entry: MomentEntry): void {
    if (this.crash.write()) this.log?.moment(entry);
  }

  cycle(entry: CycleEntry): void {
    if (this.crash.write()) this.log?.cycle(entry);
  }

  wait(entry: WaitEntry): void {
    if (this.crash.write()) this.log?.wait(entry);
  }

  sent(events: readonly QueuedEvent[]): void {
    if (events.length > 0 && this.crash.write()) this.log?.sent(events);
  }

  taken(event: Pick<QueuedEvent, "id">): void {
    if (this.crash.write()) this.log?.taken(event);
  }

  paused(reason: string | undefined, pauses: readonly Pause[], dueAt: number | undefined): void {
    if (this.crash.write()) this.log?.paused(reason, pauses, dueAt);
  }

  listen(): void {
    if (!this.crash.hasHappened) this.log?.listen();
  }

  unlisten(): void {
    this.log?.unlisten();
  }

  async pollEvents(): Promise<void> {
    if (!this.crash.hasHappened) await this.log?.pollEvents();
  }

  async written(): Promise<void> {
    if (!this.crash.hasHappened) await this.log?.written();
  }

  durable(): Promise<void> | undefined {
    return this.crash.hasHappened ? NEVER : this.log?.durable()?.then(() => this.crash.written());
  }

  async finish(end: RunEnd): Promise<void> {
    if (!this.crash.write()) return;
    this.isOpen = false;
    await this.log?.finish(end);
  }

  async release(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.log?.release();
  }
}
