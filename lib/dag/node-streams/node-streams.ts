import type { LazyAbort } from "../../base/abort.js";
import { show } from "../../base/check.js";
import { Channel, DEFAULT_BUFFER, Reader, type Outlet, type Party, type StreamGroup } from "../../engine/channel.js";
import type { Permits } from "../../engine/permits.js";
import type { Holder } from "../../policies/holder.js";
import type { Scheduler } from "../../policies/scheduler.js";
import { reversed } from "../../graph/reachability.js";
import type { Digraph } from "../../graph/digraph.js";
import { Edge, type Binding } from "../../planning/plan.js";
import type { Port, StreamPlan } from "../../planning/streams.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import { DeadlockError } from "../../run/errors.js";
import { WiringFault } from "../arguments.js";
import { siteOf } from "../errors.js";
import type { Companions } from "./companions.js";
import { collect, Production, type Source } from "./production.js";
import { StreamNode, type StreamNodeSite } from "./stalls.js";
import type { Slot } from "../../engine/slot.js";
import type { GroupTurn } from "./group-turn.js";
import { Groups } from "./groups.js";

type Outlets = ReadonlyMap<string, Outlet>;
type StreamBinding = Extract<Binding, { type: "stream" }>;

/** How a producer has settled. */
type Settled = { readonly error: unknown } | { readonly value: unknown };

/** The run whose nodes stream items. */
export interface StreamingRun {
  readonly state: RunState;
  readonly isSequential: boolean;
  readonly scheduler: Scheduler | undefined;
  readonly caller: Holder | undefined;
  readonly readiness: { readonly companions: Companions | undefined } | undefined;
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
export class NodeStreams {
  private readonly groups: Groups;
  private readonly plan: StreamPlan;
  private readonly channels = new Map<string, Channel>();
  private readonly nodes = new Map<number, StreamNode>();
  /** The node that the run belongs to, if that is in a stream. */
  private readonly outer: Party | undefined;
  private lazySources: Digraph | undefined = undefined;
  /** The nodes that produce items for outer runs, or take those that the run has as inputs. */
  private readonly outward: ReadonlySet<number>;
  /** The group in an outer run of each that is connected with one of these, by one of the nodes that stands for them. */
  private readonly outerGroups = new Map<number, StreamGroup>();
  /** What {@link NodeStreams.groupOf} has found. */
  private readonly groupByNode = new Map<number, StreamGroup>();

  constructor(
    private readonly run: StreamingRun,
    plan: StreamPlan | undefined,
    private readonly outlets: Outlets | undefined,
  ) {
    const [first] = outlets?.values() ?? [];
    this.outer = first?.outer;
    const { indexOf } = run.state.plan;
    this.plan = plan ?? NONE;
    this.groups = new Groups(run, this.plan.groups);
    const outward = new Map<number, StreamGroup>();
    for (const [path, { outer }] of outlets ?? []) {
      const node = indexOf.get(path.split(".", 1)[0]);
      if (node !== undefined && outer.group !== undefined) outward.set(node, outer.group);
    }
    for (const [node, group] of takersOf(run.state)) outward.set(node, group);
    this.outward = new Set(outward.keys());
    for (const [node, group] of outward) this.outerGroups.set(this.keyOf(node), group);
  }

  private keyOf(node: number): number {
    return this.plan.groups.get(node) ?? node;
  }

  /** The group of a node that runs together with others, here or in an outer run; undefined if it runs alone. */
  groupOf(node: number): StreamGroup | undefined {
    const known = this.groupByNode.get(node);
    if (known !== undefined || !this.isMember(node)) return known;
    const group = this.outerGroups.get(this.keyOf(node)) ?? this.groups.groupOf(node);
    this.groupByNode.set(node, group);
    return group;
  }

  /** Whether a node runs together with others, here or in an outer run. */
  isMember(node: number): boolean {
    return this.plan.groups.has(node) || this.outward.has(node);
  }

  /** The slot of the scheduler that a node shares with its group, if that is in this run. */
  private turnOf(node: number): GroupTurn | undefined {
    if (!this.isMember(node) || this.outerGroups.has(this.keyOf(node))) return undefined;
    return this.groups.groupOf(node).turn;
  }

  /** Whether a node of a node's group runs. */
  isRunning(node: number): boolean {
    return this.groups.groupOf(node).permits.isUsed;
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

  /** The channel of a node, or of one inside it; undefined if nothing streams it. */
  channelOf(node: number, path = ""): Channel | undefined {
    const key = keyOf(this.nameOf(node), path);
    const known = this.channels.get(key);
    if (known !== undefined) return known;
    const outlet = this.outlets?.get(key);
    const consumers = (this.portOf(node, path)?.consumers ?? []).filter((consumer) => this.isActive(consumer));
    if (outlet === undefined && consumers.length === 0) return undefined;
    const { state, isSequential } = this.run;
    const { buffer } = state.plan.specs[node].options;
    const producer = this.nodeOf(node);
    const channel = outlet?.channel ?? new Channel(DEFAULT_BUFFER, producer);
    producer.fill(channel);
    if (isSequential) channel.buffer = 1;
    else if (buffer !== undefined) channel.buffer = buffer;
    this.channels.set(key, channel);
    for (const consumer of consumers) {
      if (state.status[consumer] > Status.running) continue;
      const own = this.nodeOf(consumer);
      own.readers.set(channel, channel.join(own));
    }
    return channel;
  }

  private nodeOf(node: number): StreamNode {
    let known = this.nodes.get(node);
    if (known === undefined) {
      known = new StreamNode(this.groupOf(node), this.siteOf(node));
      this.nodes.set(node, known);
    }
    return known;
  }

  private siteOf(node: number): StreamNodeSite {
    const { outer } = this;
    const { state, caller } = this.run;
    const name = this.nameOf(node);
    return {
      outer,
      caller: this.turnOf(node)?.group ?? caller,
      mayCircle: outer?.mayCircle === true || this.plan.loops.has(this.plan.groups.get(node) as number),
      describe: () => `node "${name}" of run "${state.runId}"`,
      needs: () => this.needsOf(node),
      deadlock: (text) =>
        new DeadlockError(
          `Node "${name}" would wait forever: ${text}. Give one of them its own key or scheduler.`,
          siteOf(state, node, state.attemptsOf(node)),
        ),
    };
  }

  /** A node in the wait-for graph. */
  holderOf(node: number): Holder {
    return this.nodeOf(node).holder;
  }

  /** The nodes that a node which has not started waits for. */
  private *needsOf(node: number): Generator<StreamNode> {
    const { plan, status } = this.run.state;
    if (status[node] > Status.ready) return;
    const { start, target } = (this.lazySources ??= reversed(plan.graph));
    for (let e = start[node]; e < start[node + 1]; e++) {
      const source = target[e];
      if (status[source] > Status.running) continue;
      // The nodes of a group start together: each when those that it streams have begun.
      if (this.keyOf(source) === this.keyOf(node) && this.run.readiness?.companions?.hasBegun(source) === true)
        continue;
      yield this.nodeOf(source);
    }
  }

  /** The channels of the nodes inside a workflow, by path; undefined if nothing streams them. */
  outletsOf(node: number): Outlets | undefined {
    const outlets = new Map<string, Outlet>();
    const outer = this.nodeOf(node);
    for (const { path } of this.plan.ports.get(node) ?? []) {
      const channel = this.channelOf(node, path);
      if (channel !== undefined) outlets.set(path, { channel, outer, keeps: this.keeps(node, path) });
    }
    const name = this.nameOf(node);
    for (const [key, outlet] of this.outlets ?? []) {
      if (key === name) outlets.set("", { ...outlet, outer, channel: this.channelOf(node) ?? outlet.channel });
      else if (key.startsWith(`${name}.`)) {
        const path = key.slice(name.length + 1);
        if (!outlets.has(path)) outlets.set(path, { ...outlet, outer });
      }
    }
    return outlets.size === 0 ? undefined : outlets;
  }

  /** Whether the items of a node, or of one inside it, are kept: a node takes the whole list, or none streams them. */
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

  /** Whether an item has passed that a node produces or takes, so that the node can't run again. */
  hasBegun(node: number): boolean {
    for (const [channel, reader] of this.nodes.get(node)?.readers ?? []) {
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
   * Called when a node has started to produce items.
   * @param stop - called when no consumer is left and the items are not kept
   */
  begin(node: number, stop: () => void): void {
    // The same for nodes inside it: the nodes that stream their items may start at once.
    for (const { path } of this.plan.ports.get(node) ?? []) this.channelOf(node, path);
    const channel = this.channelOf(node);
    if (channel !== undefined && !this.keeps(node)) {
      channel.onAbandoned = stop;
      if (channel.isAbandoned) stop();
    }
    this.run.streamStarted(node);
  }

  /** Runs the generator that a producer returned. Returns its items; undefined if they are not kept. */
  produce(node: number, source: Source, abort: LazyAbort, slot: Slot): unknown {
    const channel = this.channelOf(node);
    let rest = source;
    if (channel === undefined && !(Symbol.asyncIterator in source)) {
      const all = collect(source);
      if (Array.isArray(all)) return all;
      rest = all;
    }
    const { isSequential, state } = this.run;
    const production = new Production(rest, abort, { channel, slot, keeps: this.keeps(node), isSequential });
    this.begin(node, () => production.abandon());
    return production.run().then((items) => {
      if (items === undefined && !abort.aborted) state.facts.dropped.add(node);
      return items;
    });
  }

  // --- consumers ---

  /** The items that a node streams; undefined if there are none: the need is optional, and its source did not run. */
  stream({ source, path, output }: StreamBinding, node: number): unknown {
    const { state } = this.run;
    const channel = this.channels.get(keyOf(this.nameOf(source), path));
    const reader = channel && this.nodes.get(node)?.readers.get(channel);
    if (reader !== undefined) return new Reader(reader);
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

  /** Called when an attempt has failed: it takes no more items, which are for the next attempt. */
  attemptFailed(node: number): void {
    const readers = this.nodes.get(node)?.readers;
    if (readers === undefined || this.hasBegun(node)) return;
    for (const [channel, reader] of readers) readers.set(channel, channel.renew(reader));
  }

  // --- outcomes ---

  /** Called when a node has settled: it takes and produces no more items. */
  settled(node: number, outcome?: Settled): void {
    for (const [channel, reader] of this.nodes.get(node)?.readers ?? []) channel.leave(reader);
    for (const port of this.plan.ports.get(node) ?? []) {
      this.dropUnkept(node, port, outcome);
      this.end(node, port.path, outcome);
    }
    if (this.outward.has(node)) this.end(node, "", outcome);
  }

  /** Drops the result of a workflow whose items were not kept, or which ended early. */
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
      // The consumers have either seen items of the failed node, or get those of the fallback.
      const value = outcome?.value;
      if (channel.count > 0 || path !== "" || !Array.isArray(value))
        return channel.close({ failed: true, error: replaced });
      for (const item of value) void channel.push(item);
    }
    channel.close({ failed: false });
  }

  /** Called when the run ends early. */
  interrupt(reason: unknown): void {
    for (const channel of this.channels.values()) channel.close({ failed: true, error: reason });
  }
}

/** Whether inputs of a run are streams of an outer run. */
export function takesStreams({ plan, inputs }: RunState): boolean {
  for (const { name } of plan.inputs) if (inputs[name] instanceof Reader) return true;
  return false;
}

/** The nodes that take such inputs, with the groups in outer runs that these come from. */
function* takersOf(state: RunState): Generator<[number, StreamGroup]> {
  if (!takesStreams(state)) return;
  const { plan, inputs } = state;
  const { bindings, args, argStart } = plan;
  const groupIn = (code: number): StreamGroup | undefined => {
    const binding = code < 0 ? bindings[~code] : undefined;
    if (binding?.type === "input") {
      const value = inputs[plan.inputs[binding.input].name];
      return value instanceof Reader ? value.owner.group : undefined;
    }
    return binding !== undefined && "codes" in binding ? firstOf(binding.codes) : undefined;
  };
  const firstOf = (codes: Iterable<number>) => Array.from(codes, groupIn).find((group) => group !== undefined);
  for (const node of plan.order) {
    const group = firstOf(args.subarray(argStart[node], argStart[node + 1]));
    if (group !== undefined) yield [node, group];
  }
}

function keyOf(name: string, path: string): string {
  return path === "" ? name : `${name}.${path}`;
}

async function* replay(items: Iterable<unknown>): AsyncGenerator<unknown> {
  for (const item of items) yield await item;
}
