import { newRunId } from "../base/ids.js";
import { stateOf, type ChildResult } from "./child-result.js";

const NO_CHILDREN: ReadonlyMap<string, ChildResult> = new Map();
const NO_LOOK_UPS = Object.freeze({ hits: 0, misses: 0 });

/** The base class for the state of a run. Members that are rarely used are created on first access. */
export abstract class RunBase {
  abstract readonly workflow: string;
  private lookUps: { hits: number; misses: number } | undefined = undefined;
  private id: string | (() => string);
  private ownMetadata: Record<string, unknown> | undefined;
  private customMetrics: Record<string, number> | undefined = undefined;
  /** The outermost run that contains this one, whose metadata it shares. */
  private outer: RunBase | undefined = undefined;
  private childResults: Map<string, ChildResult> | undefined = undefined;
  /** Settles when the end of the run is recorded; undefined without a store. */
  recording: Promise<void> | undefined = undefined;

  /** When a run that waits goes on by itself, in ms since 1970. */
  dueAt: number | undefined = undefined;

  constructor(
    /** Replaced once before the run starts, if schemas are asynchronous. */
    public inputs: Readonly<Record<string, unknown>>,
    /** Or a function that returns it when it is asked for. */
    runId: string | (() => string) = newRunId,
    metadata: Readonly<Record<string, unknown>> | undefined,
  ) {
    this.id = runId;
    this.ownMetadata = metadata === undefined ? undefined : { ...metadata };
  }

  get runId(): string {
    return typeof this.id === "string" ? this.id : (this.id = this.id());
  }

  get metadata(): Record<string, unknown> {
    return this.outer === undefined ? (this.ownMetadata ??= {}) : this.outer.metadata;
  }

  /** Starts to share the metadata of another run. */
  shareMetadata(outer: RunBase): void {
    this.outer = outer.outer ?? outer;
  }

  /** {@link RunBase.metadata} if it was used, otherwise undefined. */
  get sharedMetadata(): Readonly<Record<string, unknown>> | undefined {
    return this.outer === undefined ? this.ownMetadata : this.outer.sharedMetadata;
  }

  /** The results of the runs that this one contains, by key, see {@link childKey}. */
  get children(): ReadonlyMap<string, ChildResult> {
    return this.childResults ?? NO_CHILDREN;
  }

  setChild(key: string, result: ChildResult): void {
    (this.childResults ??= new Map()).set(key, result);
  }

  dropChild(key: string): void {
    this.childResults?.delete(key);
  }

  /** The run inside, and the name in it, that a path such as `check.verdict` leads to. Keys may contain dots. */
  private inside(path: string): { readonly run: RunBase; readonly name: string } | undefined {
    let at = this.below(path);
    while (at !== undefined && !at.run.owns(at.name)) at = at.run.below(at.name);
    return at;
  }

  /** The same, one level down. */
  private below(path: string): { readonly run: RunBase; readonly name: string } | undefined {
    if (this.childResults === undefined) return undefined;
    for (let dot = path.indexOf("."); dot > 0; dot = path.indexOf(".", dot + 1)) {
      const child = this.childResults.get(path.slice(0, dot));
      if (child !== undefined) return { run: stateOf(child), name: path.slice(dot + 1) };
    }
    return undefined;
  }

  /** Whether a path leads to a result of a run inside. */
  protected hasInner(path: string): boolean {
    const inside = this.inside(path);
    return inside !== undefined && inside.run.has(inside.name);
  }

  /** The result of a run inside that a path leads to, or undefined. */
  protected getInner(path: string): unknown {
    const inside = this.inside(path);
    return inside?.run.get(inside.name);
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

  /** Whether this is the name of something in this run itself, which may have no result. */
  protected abstract owns(name: string): boolean;
  /** Whether there is a result of this name. */
  abstract has(name: string): boolean;
  /** The result of this name, or undefined. */
  abstract get(name: string): unknown;
  /** All results by name, as a record without a prototype. */
  abstract get results(): Record<string, unknown>;
}
