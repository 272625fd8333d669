import { drive, pendingOf, whenSettled } from "../../base/coroutine.js";
import { afterTurn, nextTurn } from "../../base/event-loop.js";
import { deferred, type Deferred } from "../../base/deferred.js";
import type { MapSettings } from "../../definition/specs/map-options.js";
import { Attempts } from "../../engine/attempts.js";
import { ExecutionError, failedBecause, failedInside } from "../../run/errors.js";
import { factsOf, InnerPause, isPause, pausesOf, type Pause } from "../../run/pause.js";
import type { ItemCounts } from "../../run/state.js";
import { WiringFault } from "../arguments.js";
import type { DagHost, DagHostRun } from "../host.js";
import { collectionOf, type Collection, type CollectionItem } from "./collection.js";
import type { Channel } from "../../engine/channel.js";
import { ItemSlots } from "./item-slots.js";
import { MapHost, type MapItem } from "./map-host.js";

/** How many items of an async iterable are in flight, unless the map says otherwise. */
const ASYNC_CONCURRENCY = 16;

/** The outcome of an item. */
type Outcome = readonly [index: number, value: unknown];

/**
 * Runs a map: reads its collection, attempts each item with all policies of the node, and collects the results.
 *
 * The map itself takes no permit, its items do; in mode `sequential` it takes one for all of them. An item starts as
 * soon as `concurrency` allows, and then waits for a permit. A collection is read only as fast as its items start.
 */
export class MapRun {
  private readonly attempts: Attempts;
  private readonly items: MapHost;
  private readonly settings: MapSettings;
  private readonly name: string;
  private readonly counts: ItemCounts = { total: 0, completed: 0, failed: 0, cached: 0 };
  private readonly keys: unknown[] = [];
  /** The ids of the keys so far, where two keys may have the same text. */
  private readonly ids = new Set<string>();
  private readonly outcomes: Outcome[] = [];
  private readonly pauses: Pause[] = [];
  private pauseReason: string | undefined;
  private failure: { readonly error: unknown } | undefined;
  private inFlight = 0;
  private isAtEnd = false;
  private isReading = false;
  private collection: Collection | undefined;
  private limit = Infinity;
  private done: Deferred<unknown> | undefined;
  /** Takes the results to the nodes that stream them. */
  private readonly channel: Channel | undefined;
  private readonly keepsResults: boolean;
  /** Whether nobody takes the results any longer. */
  private isAbandoned = false;
  /** Under `reduce`: results that wait for those of earlier items. */
  private readonly early = new Map<number, Outcome | undefined>();
  private folded: unknown;
  private toFold = 0;
  private isFolding = false;

  constructor(
    private readonly run: DagHostRun,
    private readonly host: DagHost,
    private readonly node: number,
  ) {
    const spec = host.specOf(node);
    this.name = spec.name;
    this.settings = spec.map as MapSettings;
    this.folded = this.settings.reduce?.initial;
    const { streams } = run;
    this.channel = streams?.channelOf(node);
    this.keepsResults = this.channel === undefined || streams?.keeps(node) === true;
    // In a stream, all nodes share one slot.
    const isAlone = !run.isSequential && streams?.isMember(node) !== true;
    const slots = isAlone ? new ItemSlots(run.permitsOf(node), node) : undefined;
    this.items = new MapHost(host, node, slots, (item) => this.started(item));
    this.attempts = new Attempts(this.items);
    run.state.facts.items.set(node, this.counts);
  }

  /** Runs all items. Returns the result, or a promise of it. */
  execute(): unknown {
    const collection = collectionOf(this.items.collection, this.name);
    this.collection = collection;
    const { concurrency = collection.isAsync ? ASYNC_CONCURRENCY : Infinity } = this.settings;
    this.limit = this.run.isSequential ? 1 : concurrency;
    this.counts.total = collection.size ?? 0;
    if (this.run.sync && collection.isAsync) {
      throw new WiringFault(
        `Map "${this.name}" needs an async iterable, which runSync can't wait for. Use run instead.`,
      );
    }
    if (this.ownsPermit) this.run.permitsOf(this.node).take();
    if (this.channel !== undefined) this.run.streams?.begin(this.node, () => this.abandon());
    this.read();
    if (this.isDone) return this.endedWith();
    this.done = deferred();
    return this.done.promise;
  }

  /** The result. Releases the permit that the map has in mode `sequential`. */
  private endedWith(): unknown {
    if (this.ownsPermit) this.run.permitsOf(this.node).release();
    return this.result();
  }

  /** Whether the map has a permit for all of its items. */
  private get ownsPermit(): boolean {
    return this.run.isSequential && this.run.streams?.isMember(this.node) !== true;
  }

  /** Stops, since nobody takes the results any longer. */
  private abandon(): void {
    this.isAbandoned = true;
    this.run.state.facts.dropped.add(this.node);
    this.interrupt(new Error("Nobody takes the results any longer."));
    this.settle();
  }

  /** Ends all items in flight. */
  interrupt(reason: unknown): boolean {
    this.isAtEnd = true;
    this.collection?.close();
    return this.attempts.interrupt(reason);
  }

  private get isDone(): boolean {
    return this.isAtEnd && this.inFlight === 0 && !this.isReading && !this.isFolding;
  }

  private get isStopping(): boolean {
    return this.failure !== undefined || this.pauses.length > 0 || this.pauseReason !== undefined;
  }

  // --- reading ---

  /** Starts items as far as possible. */
  private read(): void {
    const { collection } = this;
    if (this.isReading || collection === undefined) return;
    this.isReading = true;
    try {
      while (!this.isAtEnd && this.inFlight + this.early.size < this.limit) {
        if (this.isStopping || this.run.isOver) return this.endReading();
        const turn = this.run.sync ? undefined : nextTurn();
        if (turn !== undefined) return this.readAfter(turn);
        const next = collection.next();
        if (next instanceof Promise) return this.readAfter(next.then((item) => this.take(item)));
        this.take(next);
      }
    } catch (error) {
      this.fail(error);
    }
    this.isReading = false;
  }

  private readAfter(work: Promise<unknown>): void {
    work.then(
      () => this.resumeReading(),
      (error: unknown) => {
        this.fail(error);
        this.resumeReading();
      },
    );
  }

  private resumeReading(): void {
    this.isReading = false;
    this.read();
    this.settle();
  }

  private endReading(): void {
    this.isReading = false;
    this.isAtEnd = true;
    this.collection?.close();
  }

  private take(item: CollectionItem | undefined): void {
    if (item === undefined) {
      this.isAtEnd = true;
      return;
    }
    const { index, key } = item;
    this.keys[index] = key;
    if (this.collection?.size === undefined) this.counts.total = index + 1;
    const earlier = this.run.state.facts.earlierItems.get(this.node)?.get(index);
    if (earlier !== undefined) return this.completed({ ...item, name: "", attempts: 0, isCached: true }, earlier.value);
    this.start({ ...item, name: `${this.name}[${this.idOf(key, index)}]`, attempts: 0, isCached: false });
  }

  /** The text of a key, made unique by the index: in a `Map`, `1` and `"1"` are two keys. */
  private idOf(key: unknown, index: number): string {
    const text = typeof key === "string" || typeof key === "number" ? String(key) : `#${index}`;
    if (key === index) return text;
    const id = this.ids.has(text) ? `${text}#${index}` : text;
    this.ids.add(id);
    return id;
  }

  // --- items ---

  private start(item: MapItem): void {
    const { index } = item;
    this.inFlight++;
    this.items.items.set(index, item);
    let work: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      work = drive(this.attempts.run(index));
      pending = pendingOf(work);
    } catch (error) {
      return this.failed(item, error);
    }
    if (pending === undefined) return this.completed(item, work);
    if (this.run.sync) {
      pending.catch(() => {});
      return this.failed(
        item,
        new WiringFault(
          `Node "${item.name}" ${this.attempts.obstacle}, which runSync can't wait for. Use run instead.`,
        ),
      );
    }
    whenSettled(
      pending,
      (value) => this.settledLater(() => this.completed(item, value)),
      (error) => this.settledLater(() => this.failed(item, error)),
    );
  }

  private settledLater(settle: () => void): void {
    settle();
    this.read();
    this.settle();
    this.run.pump();
  }

  private started({ key, index, attempts }: MapItem): void {
    this.run.emitter?.emit({ type: "item.started", key, index, attempt: attempts }, this.node);
  }

  private completed(item: MapItem, value: unknown): void {
    const { key, index, isCached } = item;
    if (this.items.items.delete(index)) {
      this.inFlight--;
      if (isCached) this.counts.cached++;
      this.run.emitter?.emit({ type: "item.completed", key, index, result: value, cached: isCached }, this.node);
    }
    this.counts.completed++;
    this.keep([index, this.settings.onItemError === "settle" ? { status: "fulfilled", value } : value]);
    this.tellProgress();
  }

  private failed(item: MapItem, thrown: unknown): void {
    const { key, index, name } = item;
    this.inFlight--;
    this.items.items.delete(index);
    if (this.run.isOver || this.isAbandoned) return;
    if (isPause(thrown)) return this.paused(name, thrown);
    const error = this.errorOf(item, thrown);
    this.counts.failed++;
    const { itemErrors } = this.run.state.facts;
    const errors = itemErrors.get(this.node);
    if (errors === undefined) itemErrors.set(this.node, [error]);
    else errors.push(error);
    this.run.emitter?.emit({ type: "item.failed", key, index, error }, this.node);
    const { onItemError = "fail" } = this.settings;
    if (onItemError === "fail") return this.fail(error);
    if (onItemError === "settle") this.keep([index, { status: "rejected", reason: error }]);
    else this.skip(index);
    this.tellProgress();
  }

  private errorOf({ name, attempts }: MapItem, thrown: unknown): ExecutionError {
    const { state } = this.run;
    if (thrown instanceof ExecutionError && thrown.runId === state.runId) return thrown;
    if (thrown instanceof WiringFault) return new ExecutionError(thrown.message, this.host.siteOf(this.node, attempts));
    const message = failedInside(state, name, thrown) ?? failedBecause(`Node "${name}"`, thrown);
    return new ExecutionError(message, { ...this.host.siteOf(this.node, attempts, { cause: thrown }), item: name });
  }

  private paused(name: string, pause: Error): void {
    const facts = factsOf(pause);
    this.pauseReason ??= facts.reason ?? "";
    this.pauses.push(...pausesOf(name, facts));
  }

  /** Fails the map, and aborts the items in flight. */
  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = { error };
    this.interrupt(error);
  }

  private tellProgress(): void {
    const { emitter } = this.run;
    if (emitter === undefined || this.collection?.size === undefined) return;
    const { total, completed, failed } = this.counts;
    const fraction = (completed + failed) / total;
    emitter.emit({ type: "node.progress", attempt: 1, fraction, message: undefined }, this.node);
  }

  // --- the result ---

  private keep(outcome: Outcome): void {
    if (this.settings.reduce === undefined && this.channel === undefined) this.outcomes.push(outcome);
    else this.foldLater(outcome[0], outcome);
  }

  private skip(index: number): void {
    if (this.settings.reduce !== undefined || this.channel !== undefined) this.foldLater(index, undefined);
  }

  /** Folds results in the order of their items. */
  private foldLater(index: number, outcome: Outcome | undefined): void {
    this.early.set(index, outcome);
    this.fold();
  }

  private fold(): void {
    while (!this.isFolding && this.failure === undefined && this.early.has(this.toFold)) {
      const outcome = this.early.get(this.toFold);
      this.early.delete(this.toFold++);
      if (outcome === undefined) continue;
      try {
        this.passOn(outcome);
      } catch (error) {
        this.fail(error);
      }
    }
  }

  /** Folds a result, or takes it to the nodes that stream it. */
  private passOn(outcome: Outcome): void {
    const { reduce } = this.settings;
    if (reduce !== undefined) {
      const folded: unknown = reduce.fn(this.folded, outcome[1]);
      const pending = pendingOf(folded);
      if (pending === undefined) this.folded = folded;
      else this.foldAfter(pending, (value) => (this.folded = value));
      return;
    }
    if (this.keepsResults) this.outcomes.push(outcome);
    const room =
      this.push(outcome[1]) ?? (this.channel !== undefined && this.run.isSequential ? afterTurn() : undefined);
    if (room !== undefined) this.foldAfter(room, () => {});
  }

  private push(value: unknown): Promise<void> | undefined {
    if (this.settings.flatten !== true || !Array.isArray(value)) return this.channel?.push(value);
    let room: Promise<void> | undefined;
    for (const item of value) room = this.channel?.push(item);
    return room;
  }

  private foldAfter(pending: Promise<unknown>, then: (value: unknown) => void): void {
    this.isFolding = true;
    const next = (settle: () => void) => {
      this.isFolding = false;
      settle();
      this.fold();
      this.read();
      this.settle();
    };
    whenSettled(
      pending,
      (value) => next(() => then(value)),
      (error) => next(() => this.fail(error)),
    );
  }

  private settle(): void {
    if (this.done === undefined || !this.isDone) return;
    try {
      this.done.resolve(this.endedWith());
    } catch (error) {
      this.done.reject(error);
    }
  }

  private result(): unknown {
    if (this.failure !== undefined) throw this.failure.error;
    if (this.pauseReason !== undefined) throw new InnerPause(this.pauseReason || undefined, this.pauses);
    const { reduce, flatten } = this.settings;
    if (reduce !== undefined) return this.folded;
    if (!this.keepsResults) return void this.run.state.facts.dropped.add(this.node);
    const entries = this.outcomes.sort(([a], [b]) => a - b);
    return flatten === true ? entries.flatMap(([, value]) => value) : this.collection?.collect(entries, this.keys);
  }
}
