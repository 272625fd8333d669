import { newRunId } from "../base/ids.js";

const NO_LOOK_UPS = Object.freeze({ hits: 0, misses: 0 });

/** What every run has, be it of a dag or an fsm. What is rarely asked for is made when it is. */
export abstract class RunBase {
  abstract readonly workflow: string;
  private lookUps: { hits: number; misses: number } | undefined = undefined;
  private id: string | undefined;
  private shared: Record<string, unknown> | undefined;
  private figures: Record<string, number> | undefined = undefined;
  /** Settles when how the run ended is recorded; undefined without a store. */
  recording: Promise<void> | undefined = undefined;

  constructor(
    readonly inputs: Readonly<Record<string, unknown>>,
    runId: string | undefined,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ) {
    this.id = runId;
    this.shared = metadata === undefined ? undefined : { ...metadata };
  }

  get runId(): string {
    return (this.id ??= newRunId());
  }

  get metadata(): Record<string, unknown> {
    return (this.shared ??= {});
  }

  /** {@link RunBase.metadata}, undefined while nobody has asked for it. */
  get sharedMetadata(): Readonly<Record<string, unknown>> | undefined {
    return this.shared;
  }

  get metrics(): Record<string, number> {
    return (this.figures ??= Object.create(null) as Record<string, number>);
  }

  /** How many nodes found their result in their cache, and how many looked there in vain. */
  get cacheUse(): { readonly hits: number; readonly misses: number } {
    return this.lookUps ?? NO_LOOK_UPS;
  }

  countLookUp(outcome: "hits" | "misses"): void {
    (this.lookUps ??= { hits: 0, misses: 0 })[outcome]++;
  }

  /** Whether there is a result under this name. */
  abstract has(name: string): boolean;
  /** The result under this name, undefined where there is none. */
  abstract get(name: string): unknown;
  /** All results by name, as a record without a prototype. */
  abstract get results(): Record<string, unknown>;
}
