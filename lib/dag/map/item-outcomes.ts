import { childKey } from "../../run/child-result.js";
import { ExecutionError, isErrorOf } from "../../run/errors.js";
import { failedBecause, failedInside } from "../../run/failure-messages.js";
import { factsOf, InnerPause, InnerWait, pausesOf, StoppedHalfway, type Pause } from "../../run/pause.js";
import type { ItemCounts } from "../../run/state.js";
import { joined, type WaitingFor } from "../../run/waiting-for.js";
import type { MapSettings } from "../../definition/specs/map-options.js";
import { WiringFault } from "../arguments.js";
import type { DagHost } from "../host.js";
import { ABSENT, type Collection } from "./collection.js";
import { Folding, type Listing, type Passing } from "./gathering.js";
import type { MappingRun } from "./map-host.js";

/**
 * The outcomes of the items of a map: counts and reports them, gathers their results, and keeps the pauses and waits of
 * items that did not finish.
 */
export class ItemOutcomes {
  private readonly name: string;
  private readonly settings: MapSettings;
  private readonly counts: ItemCounts = { total: 0, completed: 0, failed: 0, cached: 0 };
  private readonly pauses: Pause[] = [];
  private pauseReason: string | undefined;
  /** What the items whose runs were put away wait for. */
  private readonly waits: WaitingFor[] = [];

  constructor(
    private readonly run: MappingRun,
    private readonly host: DagHost,
    private readonly node: number,
    private readonly collection: Collection,
    private readonly gathering: Listing | Folding | Passing,
  ) {
    const { name, map } = host.specOf(node);
    this.name = name;
    this.settings = map as MapSettings;
    this.counts.total = collection.size ?? 0;
    run.state.facts.items.set(node, this.counts);
  }

  /** The name of an item in messages and results: `thumb[3]`. */
  nameOf(index: number): string {
    return childKey(this.name, this.collection.idOf(index));
  }

  /** Called when an item has been read from a collection of unknown size. @param total - how many there are so far */
  found(total: number): void {
    this.counts.total = total;
  }

  started(index: number, attempt: number): void {
    const key = this.collection.keyOf(index);
    this.run.emitter?.emit({ type: "item.started", key, index, attempt }, this.node);
  }

  completed(index: number, result: unknown, cached: boolean): void {
    if (cached) this.counts.cached++;
    if (this.run.emitter !== undefined) {
      const key = this.collection.keyOf(index);
      this.run.emitter.emit({ type: "item.completed", key, index, result, cached }, this.node);
    }
    this.keep(index, result);
  }

  /** Gathers the result of an item, computed now or earlier. */
  keep(index: number, value: unknown): void {
    this.counts.completed++;
    this.gathering.add(index, this.settings.onItemError === "settle" ? { status: "fulfilled", value } : value);
    this.reportProgress();
  }

  /** Records the failure of an item. Returns its error if the whole map fails with it. */
  failed(index: number, thrown: unknown, attempts: number): ExecutionError | undefined {
    const error = this.errorOf(index, thrown, attempts);
    this.counts.failed++;
    const { itemErrors } = this.run.state.facts;
    const errors = itemErrors.get(this.node);
    if (errors === undefined) itemErrors.set(this.node, [error]);
    else errors.push(error);
    this.run.emitter?.emit({ type: "item.failed", key: this.collection.keyOf(index), index, error }, this.node);
    const { onItemError = "fail" } = this.settings;
    if (onItemError === "fail") return error;
    this.gathering.add(index, onItemError === "settle" ? { status: "rejected", reason: error } : ABSENT);
    this.reportProgress();
    return undefined;
  }

  private errorOf(index: number, thrown: unknown, attempts: number): ExecutionError {
    const { state } = this.run;
    const name = this.nameOf(index);
    // A backend may have named the node instead of the item.
    if (isErrorOf(state.runId, thrown)) return Object.assign(thrown, { item: name });
    const site = { ...this.host.siteOf(this.node, attempts), item: name };
    if (thrown instanceof WiringFault) return new ExecutionError(thrown.message, site);
    const message = failedInside(state, name, thrown) ?? failedBecause(`Node "${name}"`, thrown);
    return new ExecutionError(message, { ...site, cause: thrown });
  }

  /** Records that an item paused, or that its run waits. Returns whether the run has to pause. */
  paused(index: number, pause: Error): boolean {
    if (pause instanceof InnerWait) {
      this.waits.push(pause.waitingFor);
      return false;
    }
    const facts = factsOf(pause);
    this.pauseReason ??= facts.reason;
    this.pauses.push(...pausesOf(this.nameOf(index), facts));
    return true;
  }

  private reportProgress(): void {
    const { emitter } = this.run;
    if (emitter === undefined || this.collection.size === undefined) return;
    const { total, completed, failed } = this.counts;
    const fraction = (completed + failed) / total;
    emitter.emit({ type: "node.progress", attempt: 1, fraction, message: undefined }, this.node);
  }

  /**
   * The result of the map, once no item is in flight.
   * @param isHalfway - whether items are left, since the run pauses
   * @param isAbandoned - whether no consumer of the results is left
   * @throws the pause or the wait of the map, if items have one, or are left
   */
  result({ isHalfway, isAbandoned }: { readonly isHalfway: boolean; readonly isAbandoned: boolean }): unknown {
    if (this.pauses.length > 0) throw new InnerPause(this.pauseReason, this.pauses);
    if (isHalfway) throw new StoppedHalfway();
    const waitingFor = joined(this.waits);
    if (waitingFor !== undefined) throw new InnerWait(waitingFor);
    const { gathering, settings, collection } = this;
    if (gathering instanceof Folding) return gathering.folded;
    if (isAbandoned || gathering.values === undefined) return void this.run.state.facts.dropped.add(this.node);
    if (settings.flatten !== true) return collection.collect(gathering.values);
    return gathering.values.flatMap((value) => (value === ABSENT ? [] : value));
  }
}
