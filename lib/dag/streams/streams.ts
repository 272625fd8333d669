import { onAbort, type LazyAbort } from "../../base/abort.js";
import { show } from "../../base/check.js";
import { afterTurn, nextTurn } from "../../base/event-loop.js";
import { Channel, DEFAULT_BUFFER, type Outlet, type Reader } from "../../engine/channel.js";
import type { Permits } from "../../engine/permits.js";
import { Edge, type Binding } from "../../planning/plan.js";
import type { Port, StreamPlan } from "../../planning/streams.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { WiringFault } from "../arguments.js";
import { Stalls } from "./stalls.js";
import { StreamSlots } from "./stream-slots.js";

type Source = Iterator<unknown> | AsyncIterator<unknown>;
type StreamBinding = Extract<Binding, { type: "stream" }>;

/** How a producer has settled. */
type Settled = { readonly error: unknown } | { readonly value: unknown };

/** The run whose nodes stream items. */
export interface StreamingRun {
  readonly state: RunState;
  readonly isSequential: boolean;
  permitsOf(node: number): Permits;
  /** The consumers of a node may start. */
  streamStarted(node: number): void;
}

const NONE: StreamPlan = {
  generators: new Set(),
  ports: new Map(),
  consumers: new Set(),
  groups: new Map(),
  loops: new Set(),
};

/**
 * The streams of a run: a channel for each node, or node inside one, whose items are streamed. The channels to outer
 * runs are theirs; nodes of this run join them.
 */
export class Streams {
  readonly slots: StreamSlots;
  private readonly plan: StreamPlan;
  private readonly channels = new Map<string, Channel>();
  private readonly readers = new Map<number, Map<Channel, Reader>>();
  private readonly stalls = new Stalls(this.readers);
  /** The nodes that produce items for outer runs. */
  private readonly outward: ReadonlySet<number>;

  constructor(
    private readonly run: StreamingRun,
    plan: StreamPlan | undefined,
    private readonly outlets: ReadonlyMap<string, Outlet> | undefined,
  ) {
    const { indexOf } = run.state.plan;
    this.plan = plan ?? NONE;
    const names = Array.from(outlets?.keys() ?? [], (path) => path.split(".", 1)[0]);
    this.outward = new Set(names.flatMap((name) => indexOf.get(name) ?? []));
    this.slots = new StreamSlots(this.plan.groups, this.outward, (node) => run.permitsOf(node));
  }

  /** Whether a node runs together with others, here or in an outer run. */
  isMember(node: number): boolean {
    return this.plan.groups.has(node) || this.outward.has(node);
  }

  /** Whether a node takes the slot of a scheduler: one of those that run together. */
  takesSchedulerSlot(node: number): boolean {
    return !this.isMember(node) || this.plan.groups.get(node) === node;
  }

  // --- channels ---

  private nameOf(node: number): string {
    return this.run.state.plan.specs[node].name;
  }

  private isActive(node: number): boolean {
    const { active } = this.run.state;
    return active === undefined || active[node] === 1;
  }

  private portOf(node: number, path: string): Port | undefined {
    return this.plan.ports.get(node)?.find((port) => port.path === path);
  }

  /** The channel of a node, or of one inside it; undefined if nobody streams it. */
  channelOf(node: number, path = ""): Channel | undefined {
    const key = keyOf(this.nameOf(node), path);
    const known = this.channels.get(key);
    if (known !== undefined) return known;
    const outlet = this.outlets?.get(key);
    const consumers = (this.portOf(node, path)?.consumers ?? []).filter((consumer) => this.isActive(consumer));
    if (outlet === undefined && consumers.length === 0) return undefined;
    const { state, isSequential } = this.run;
    const { buffer } = state.plan.specs[node].options;
    const channel = outlet?.channel ?? new Channel(DEFAULT_BUFFER);
    if (isSequential) channel.buffer = 1;
    else if (buffer !== undefined) channel.buffer = buffer;
    this.channels.set(key, channel);
    if (this.plan.loops.has(this.plan.groups.get(node) as number)) this.stalls.watch(channel, node);
    for (const consumer of consumers) {
      if (state.status[consumer] > Status.running) continue;
      const readers = this.readers.get(consumer) ?? new Map<Channel, Reader>();
      this.readers.set(consumer, readers.set(channel, channel.join()));
    }
    return channel;
  }

  /** The channels of the nodes inside a workflow, by path; undefined if nobody streams them. */
  outletsOf(node: number): ReadonlyMap<string, Outlet> | undefined {
    const outlets = new Map<string, Outlet>();
    for (const { path } of this.plan.ports.get(node) ?? []) {
      const channel = this.channelOf(node, path);
      if (channel !== undefined) outlets.set(path, { channel, keeps: this.keeps(node, path) });
    }
    const name = this.nameOf(node);
    for (const [key, outlet] of this.outlets ?? []) {
      if (key === name) outlets.set("", { ...outlet, channel: this.channelOf(node) ?? outlet.channel });
      else if (key.startsWith(`${name}.`)) {
        const path = key.slice(name.length + 1);
        if (!outlets.has(path)) outlets.set(path, outlet);
      }
    }
    return outlets.size === 0 ? undefined : outlets;
  }

  /** Whether the items of a node, or of one inside it, are kept: someone takes all at once, or nobody streams them. */
  keeps(node: number, path = ""): boolean {
    if (this.channelOf(node, path) === undefined) return true;
    if (this.outlets?.get(keyOf(this.nameOf(node), path))?.keeps === true) return true;
    const takers = this.portOf(node, path)?.takers ?? (path === "" ? this.takersOf(node) : []);
    return takers.some((taker) => this.isActive(taker));
  }

  /** The nodes that take the result of a node that only outer runs stream. */
  private takersOf(node: number): number[] {
    const { graph, flags } = this.run.state.plan;
    const edges = Array.from({ length: graph.start[node + 1] - graph.start[node] }, (_, k) => graph.start[node] + k);
    const takes = (e: number) => flags === undefined || (flags[e] & (Edge.order | Edge.stream)) === 0;
    return edges.filter(takes).map((e) => graph.target[e]);
  }

  /** Whether an item of a node has passed, or one that it takes: it can't run again. */
  hasBegun(node: number): boolean {
    for (const [channel, reader] of this.readers.get(node) ?? []) {
      if (reader.position > 0 || !channel.has(reader)) return true;
    }
    for (const { path } of this.plan.ports.get(node) ?? []) if (this.hasItems(node, path)) return true;
    const outlets = this.outward.has(node) ? this.outletsOf(node) : undefined;
    return Array.from(outlets?.values() ?? []).some(({ channel }) => channel.count > 0);
  }

  private hasItems(node: number, path: string): boolean {
    const channel = this.channels.get(keyOf(this.nameOf(node), path));
    return channel !== undefined && channel.count > 0;
  }

  // --- producers ---

  /** Whether a node's function is a generator. */
  generates(node: number): boolean {
    return this.plan.generators.has(node);
  }

  /**
   * A node produces items from now on.
   * @param stop - called when nobody streams it any longer and its items are not kept
   */
  begin(node: number, stop: () => void): void {
    const channel = this.channelOf(node);
    if (channel !== undefined && !this.keeps(node)) {
      channel.onAbandoned = stop;
      if (channel.isAbandoned) stop();
    }
    this.run.streamStarted(node);
  }

  /** Runs the generator that a producer returned. Returns its items; undefined if they are not kept. */
  produce(node: number, source: Source, abort: LazyAbort): unknown {
    const channel = this.channelOf(node);
    if (channel === undefined && !(Symbol.asyncIterator in source)) return collect(source as Iterator<unknown>);
    const pass = new Pass(source, channel, this.keeps(node), this.run.isSequential, () => {
      this.run.state.facts.dropped.add(node);
    });
    this.begin(node, () => pass.abandon(abort));
    return pass.run(abort);
  }

  // --- consumers ---

  /** The items that a node streams; undefined if there are none: the need is optional, and its source did not run. */
  stream({ source, path, output }: StreamBinding, node: number): unknown {
    const { state } = this.run;
    const channel = this.channels.get(keyOf(this.nameOf(source), path));
    const reader = channel && this.readers.get(node)?.get(channel);
    if (channel !== undefined && reader !== undefined) {
      const renewed = channel.renew(reader);
      this.readers.get(node)?.set(channel, renewed);
      return renewed;
    }
    if (state.status[source] === Status.failed) return state.hasResult(source) ? null : undefined;
    if (!state.hasResult(source)) return undefined;
    const name = this.nameOf(source);
    const value = output === undefined ? state.values[source] : state.children.get(name)?.get(output);
    if (typeof value === "object" && value !== null && Symbol.iterator in value) {
      return replay(value as Iterable<unknown>);
    }
    const need = keyOf(name, output ?? "");
    throw new WiringFault(
      `Node "${this.nameOf(node)}" streams "${need}", whose result is ${show(value)}. Give it a list of items.`,
    );
  }

  // --- outcomes ---

  /** A node has settled: it takes no more items, and produces none. */
  settled(node: number, outcome?: Settled): void {
    for (const [channel, reader] of this.readers.get(node) ?? []) channel.leave(reader);
    for (const port of this.plan.ports.get(node) ?? []) {
      this.dropUnkept(node, port, outcome);
      this.end(node, port.path, outcome);
    }
    if (this.outward.has(node)) this.end(node, "", outcome);
  }

  /** The result of a workflow whose items were not kept, or which ended early, is none. */
  private dropUnkept(node: number, { path, isResult }: Port, outcome: Settled | undefined): void {
    const channel = this.channels.get(keyOf(this.nameOf(node), path));
    if (channel === undefined || !isResult || outcome === undefined || "error" in outcome) return;
    const { facts } = this.run.state;
    const hasValue = outcome.value !== undefined && !channel.isAbandoned;
    if (!hasValue && !this.keeps(node, path) && !facts.fallbacks.has(node)) facts.dropped.add(node);
  }

  private end(node: number, path: string, outcome: Settled | undefined): void {
    const channel = this.channels.get(keyOf(this.nameOf(node), path));
    if (channel === undefined) return;
    if (outcome !== undefined && "error" in outcome) return channel.close({ failed: true, error: outcome.error });
    const replaced = this.run.state.facts.fallbacks.get(node);
    if (replaced !== undefined) {
      // The consumers have seen items of what failed; or they get those of the fallback.
      const value = outcome?.value;
      if (channel.count > 0 || path !== "" || !Array.isArray(value))
        return channel.close({ failed: true, error: replaced });
      for (const item of value) void channel.push(item);
    }
    channel.close({ failed: false });
  }

  /** The run ends early. */
  interrupt(reason: unknown): void {
    for (const channel of this.channels.values()) channel.close({ failed: true, error: reason });
  }
}

function keyOf(name: string, path: string): string {
  return path === "" ? name : `${name}.${path}`;
}

function collect(source: Iterator<unknown>): unknown[] {
  const items: unknown[] = [];
  for (let step = source.next(); step.done !== true; step = source.next()) items.push(step.value);
  return items;
}

async function* replay(items: Iterable<unknown>): AsyncGenerator<unknown> {
  for (const item of items) yield await item;
}

/** Passes the items of a generator on. */
class Pass {
  /** Whether the generator has been told to return. */
  private isStopped = false;
  private isAbandoned = false;
  /** Whether the generator computes an item. */
  private isComputing = false;
  private returned: Promise<unknown> | undefined = undefined;

  constructor(
    private readonly source: Source,
    private readonly channel: Channel | undefined,
    private readonly keeps: boolean,
    private readonly isSequential: boolean,
    private readonly onDropped: () => void,
  ) {}

  /** Nobody takes items any longer. The generator may wait for something: its signal tells it. */
  abandon(abort: LazyAbort): void {
    this.isAbandoned = true;
    this.stop();
    if (this.isComputing) abort.tell(new Error("Nobody takes the items any longer."));
  }

  async run(abort: LazyAbort): Promise<unknown> {
    const { source, channel } = this;
    const items: unknown[] = [];
    const removeListener = onAbort(abort.signal, () => this.stop());
    try {
      while (!this.isStopped) {
        this.isComputing = true;
        const step = await source.next();
        this.isComputing = false;
        if (step.done === true || this.isStopped) break;
        if (this.keeps) items.push(step.value);
        const room = channel?.push(step.value);
        if (room !== undefined) await room;
        const turn = this.isSequential ? afterTurn() : nextTurn();
        if (turn !== undefined) await turn;
      }
      if (this.isStopped) await this.returned;
    } catch (error) {
      if (!this.isAbandoned) throw error;
    } finally {
      removeListener();
    }
    if (this.keeps) return items;
    this.onDropped();
    return undefined;
  }

  /** Ends the generator, which runs its `finally`. */
  private stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.returned = returnOf(this.source);
  }
}

/** Calls `return` of a generator. Its errors come too late: the node has its outcome. */
async function returnOf(source: Source): Promise<void> {
  try {
    await source.return?.();
  } catch {
    // The generator has ended nevertheless.
  }
}
