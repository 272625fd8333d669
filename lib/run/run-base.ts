import { newRunId } from "../base/ids.js";

const NO_LOOK_UPS = Object.freeze({ hits: 0, misses: 0 });

/** The base class for the state of a run. Members that are rarely used are created on first access. */
export abstract class RunBase {
  abstract readonly workflow: string;
  private lookUps: { hits: number; misses: number } | undefined = undefined;
  private id: string | undefined;
  private ownMetadata: Record<string, unknown> | undefined;
  private customMetrics: Record<string, number> | undefined = undefined;
  /** Settles when the end of the run is recorded; undefined without a store. */
  recording: Promise<void> | undefined = undefined;

  constructor(
    /** Replaced once before the run starts, if schemas are asynchronous. */
    public inputs: Readonly<Record<string, unknown>>,
    runId: string | undefined,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ) {
    this.id = runId;
    this.ownMetadata = metadata === undefined ? undefined : { ...metadata };
  }

  get runId(): string {
    return (this.id ??= newRunId());
  }

  get metadata(): Record<string, unknown> {
    return (this.ownMetadata ??= {});
  }

  /** {@link RunBase.metadata} if it was used, otherwise undefined. */
  get sharedMetadata(): Readonly<Record<string, unknown>> | undefined {
    return this.ownMetadata;
  }

  get metrics(): Record<string, number> {
    return (this.customMetrics ??= Object.create(null) as Record<string, number>);
  }

  /** How many cache look-ups were hits and misses. */
  get cacheUse(): { readonly hits: number; readonly misses: number } {
    return this.lookUps ?? NO_LOOK_UPS;
  }

  countLookUp(outcome: "hits" | "misses"): void {
    (this.lookUps ??= { hits: 0, misses: 0 })[outcome]++;
  }

  /** Whether there is a result of this name. */
  abstract has(name: string): boolean;
  /** The result of this name, or undefined. */
  abstract get(name: string): unknown;
  /** All results by name, as a record without a prototype. */
  abstract get results(): Record<string, unknown>;
}
