import type { InnerChecks } from "../planning/inner-schemas.js";
import type { RunBase } from "../run/run-base.js";
import type { Holder } from "../policies/holder.js";
import type { Outlet } from "./channel.js";
import type { EventEmitter } from "./event-emitter.js";
import type { CommonRunOptions } from "./options.js";
import type { SharedPermits } from "./shared-permits.js";
import type { AttemptTelemetry } from "./telemetry/telemetry.js";

/** The node of a run that another run belongs to. */
export interface ParentNode {
  readonly runId: string;
  readonly node: string;
}

/** What a run passes to a run inside it. */
export interface OuterFacts {
  /** The node that is, or began, the run inside. */
  readonly node: string;
  /** The key of the run inside, which ends its id. */
  readonly key: string;
  /** That node in the wait-for graph, or the group it is a part of. */
  readonly caller: Holder | undefined;
  /** The options that runs inside have in common. */
  readonly options: CommonRunOptions;
  /** The permits to share; undefined where each run has its own. */
  readonly permits: SharedPermits | undefined;
  /** The results that a resumed run is given for nodes inside that paused, by path. */
  readonly provide: Readonly<Record<string, unknown>> | undefined;
  /** The paths of the results inside that the outer run takes, which `retain: "outputs"` keeps. */
  readonly takes: readonly string[];
  /** Its inputs, as far as schemas have already parsed them; undefined if it has to check them all itself. */
  readonly checks: InnerChecks | undefined;
  /**
   * The channels to nodes of outer runs that stream items of this run, by the path of the producer; "" for the run
   * itself.
   */
  readonly outlets: ReadonlyMap<string, Outlet> | undefined;
  /** Follows the attempt that begins the run inside; undefined without telemetry. */
  readonly followed: AttemptTelemetry | undefined;
}

/** The run that contains another one, as that one sees it. */
export class OuterRun implements Omit<OuterFacts, "node" | "key"> {
  /** The id of the run inside. */
  readonly innerId: () => string;
  private readonly node: string;
  private lazyParent: ParentNode | undefined = undefined;
  readonly caller: Holder | undefined;
  readonly options: CommonRunOptions;
  readonly permits: SharedPermits | undefined;
  readonly provide: Readonly<Record<string, unknown>> | undefined;
  readonly takes: readonly string[];
  readonly outlets: ReadonlyMap<string, Outlet> | undefined;
  readonly checks: InnerChecks | undefined;
  readonly followed: AttemptTelemetry | undefined;

  constructor(
    private readonly run: {
      readonly state: RunBase;
      readonly emitter: EventEmitter | undefined;
      readonly rootId: string;
      readonly takesEvents: boolean;
      readonly detaches: boolean;
      readonly children: { rests(of: OuterRun, isResting: boolean): void };
      lostStore(error: unknown): boolean;
    },
    facts: OuterFacts,
  ) {
    this.node = facts.node;
    this.innerId = idIn(run.state, facts.key);
    this.caller = facts.caller;
    this.options = facts.options;
    this.permits = facts.permits;
    this.provide = facts.provide;
    this.takes = facts.takes;
    this.outlets = facts.outlets;
    this.checks = facts.checks;
    this.followed = facts.followed;
  }

  get parent(): ParentNode {
    return (this.lazyParent ??= Object.freeze({ runId: this.state.runId, node: this.node }));
  }

  /** The id of the outermost run. */
  get rootId(): string {
    return this.run.rootId;
  }

  /** Whether events can be sent to runs inside without a store. */
  get takesEvents(): boolean {
    return this.run.takesEvents;
  }

  /** Whether the run, and those inside, are put away when only waits are left. */
  get detaches(): boolean {
    return this.run.detaches;
  }

  /** Called by the run inside when only waits are left in it, and when it continues. */
  rests(isResting: boolean): void {
    this.run.children.rests(this, isResting);
  }

  /** The store of a run inside has failed: gives the outermost run back, if that is returnable. Returns whether it has. */
  lostStore(error: unknown): boolean {
    return this.run.lostStore(error);
  }

  /** Its metadata is shared. */
  get state(): RunBase {
    return this.run.state;
  }

  /** Gets the events of the run inside; undefined while nothing observes it. */
  get emitter(): EventEmitter | undefined {
    return this.run.emitter;
  }
}

/** Outside of {@link OuterRun}, so that the state of a run inside does not keep the loop of its outer run in memory. */
function idIn(outer: RunBase, key: string): () => string {
  return () => `${outer.runId}/${key}`;
}
