import { types } from "node:util";
import { toEpoch } from "../../base/clock.js";
import { inputName } from "../../definition/specs/named-inputs.js";
import { isSink } from "../../planning/plan.js";
import { childKey } from "../../run/child-result.js";
import type { EventFacts } from "../../run/events.js";
import type { RunState } from "../../run/state.js";
import { Status } from "../../run/status.js";
import type { AttemptEntry, AttemptOutcome, AttemptStatus, RunLog, Traversal } from "../../stores/store.js";
import { Recorder, type Recording } from "../../engine/durable/recorder.js";

type Completion = EventFacts & { readonly type: "node.completed" };

type ItemFacts = EventFacts & { readonly type: "item.started" | "item.completed" | "item.failed" };

/** An attempt in progress. */
type Begun = Pick<AttemptEntry, "attempt" | "startedAt">;

const NO_OUTCOME: AttemptOutcome = {};
const NO_ATTEMPT: Begun = { attempt: 0, startedAt: undefined };

/** Writes a dag's run to its store: a row per attempt, and one per edge that passed a result on. */
export class DagRecorder extends Recorder {
  /** The attempts in progress, by node. */
  private readonly running = new Map<number, Begun>();
  /** The items of maps that have started, by node and index. */
  private readonly items = new Map<string, Begun>();
  /** The nodes whose failure was written with their attempt. */
  private failed: Set<number> | undefined = undefined;

  constructor(
    private readonly state: RunState,
    recording: Recording,
    create?: (recorder: Recorder) => Promise<RunLog>,
  ) {
    super(state, recording, create);
  }

  /** A dag receives no external events. */
  onEvents(): void {}

  /** Records the results copied from another run. */
  protected begin(log: RunLog): void {
    const { state } = this;
    for (let node = 0; node < state.plan.size; node++) {
      if (state.status[node] !== Status.copied) continue;
      const output = { value: state.values[node] };
      this.settle(log, node, "copied", undefined, { output, branch: state.branchOf(node) });
    }
    for (const node of state.skippedBefore) this.settle(log, node, "skipped");
  }

  protected write(log: RunLog, facts: EventFacts, at: number, node = -1): void {
    const { running } = this;
    switch (facts.type) {
      case "attempt.started": {
        const { attempt } = facts;
        const { name } = this.state.plan.specs[node];
        running.set(node, { attempt, startedAt: at });
        log.attempt({ node: name, attempt, status: "running", startedAt: at, finishedAt: undefined });
        log.traversals(traversals(this.state, node));
        return;
      }
      case "attempt.failed":
        if (facts.item !== undefined) return; // The item's last attempt tells.
        (this.failed ??= new Set()).add(node);
        return this.settle(log, node, "failed", at, { error: facts.error });
      case "item.started":
      case "item.completed":
      case "item.failed":
        return this.item(log, facts, at, node);
      case "node.completed":
        return this.complete(log, facts, at, node);
      case "node.failed":
        if (this.failed?.has(node) === true && !running.has(node)) return;
        return this.settle(log, node, "failed", at, { error: facts.error });
      case "node.skipped":
        return this.settle(log, node, "skipped", at, { reason: facts.skippedBy });
      case "node.cancelled":
        if (running.has(node)) this.settle(log, node, "cancelled", at);
    }
  }

  /** A node that paused outside of an attempt is recorded only among the run's pauses. */
  protected end(log: RunLog): void {
    const { state } = this;
    for (const [node, { reason }] of state.pausedNodes) {
      if (this.running.has(node)) this.settle(log, node, "paused", toEpoch(state.finishedAt(node)), { reason });
    }
    this.endItems(log);
    if (state.pausedNodes.size > 0) log.paused(state.pauseReason, state.pauses, undefined);
  }

  protected outputs(): string[] {
    const { plan, status, active } = this.state;
    const isOutput = (_: unknown, i: number) => status[i] === Status.completed && isSink(plan, i, active);
    return plan.specs.filter(isOutput).map(({ name }) => name);
  }

  /** Records the start or the end of a map's item. */
  private item(log: RunLog, facts: ItemFacts, at: number, node: number): void {
    const name = childKey(this.state.plan.specs[node].name, facts.index);
    const key = `${node} ${facts.index}`;
    const { attempt, startedAt } = this.items.get(key) ?? NO_ATTEMPT;
    if (facts.type === "item.started") {
      this.items.set(key, { attempt: 1, startedAt: at });
      return log.attempt({ node: name, attempt: 1, status: "running", startedAt: at, finishedAt: undefined });
    }
    this.items.delete(key);
    const entry = { node: name, attempt, startedAt, finishedAt: at };
    if (facts.type === "item.failed") {
      const { error } = facts;
      return log.attempt({ ...entry, status: "failed", error: error.cause ?? error });
    }
    const output = { value: facts.result };
    log.attempt({ ...entry, status: "completed", output, isCached: facts.cached });
  }

  /** Records the items that have started and not ended: those that paused the run, and those that were cancelled. */
  private endItems(log: RunLog): void {
    const { state } = this;
    for (const [key, { attempt, startedAt }] of this.items) {
      const [node, index] = key.split(" ").map(Number);
      const status = state.pausedNodes.has(node) ? "paused" : "cancelled";
      const finishedAt = toEpoch(state.finishedAt(node));
      log.attempt({ node: childKey(state.plan.specs[node].name, index), attempt, status, startedAt, finishedAt });
    }
    this.items.clear();
  }

  private complete(log: RunLog, { result, cached }: Completion, at: number, node: number): void {
    const output = isIterator(result) || !this.state.hasResult(node) ? undefined : { value: result };
    const outcome = { output, branch: this.state.branchOf(node), isCached: cached };
    try {
      this.settle(log, node, "completed", at, outcome);
    } catch (error) {
      this.settle(log, node, "failed", at, { error });
      throw error;
    }
    if (cached) log.traversals(traversals(this.state, node));
  }

  /** Records the outcome of the attempt in progress, or of a node without one. */
  private settle(
    log: RunLog,
    node: number,
    status: AttemptStatus,
    finishedAt?: number,
    outcome: AttemptOutcome = NO_OUTCOME,
  ): void {
    const { attempt, startedAt } = this.running.get(node) ?? NO_ATTEMPT;
    const { name } = this.state.plan.specs[node];
    const { output, branch, isCached, error, reason } = outcome;
    log.attempt({ node: name, attempt, status, startedAt, finishedAt, output, branch, isCached, error, reason });
    this.running.delete(node);
  }
}

/** Whether a result can only be iterated, once: it is not recorded, and its node runs again if the run is resumed. */
function isIterator(result: unknown): boolean {
  if (typeof result !== "object" || result === null || types.isProxy(result)) return false;
  const isIterable = Symbol.asyncIterator in result || Symbol.iterator in result;
  return isIterable && "next" in result && typeof result.next === "function";
}

/** The results that a node takes, of those that exist. */
function traversals(state: RunState, node: number): Traversal[] {
  const { argStart, args, specs } = state.plan;
  const taken: Traversal[] = [];
  for (let k = argStart[node]; k < argStart[node + 1]; k++) {
    follow(state, node, args[k], inputName(specs[node].signature, k - argStart[node]) ?? "context", taken);
  }
  return taken;
}

/** Adds the results that go into an argument. */
function follow(state: RunState, node: number, code: number, input: string, taken: Traversal[]): void {
  const { plan } = state;
  const { specs, bindings } = plan;
  const take = (source: number, output: string | undefined) => {
    if (state.hasResult(source)) taken.push({ from: specs[source].name, to: specs[node].name, output, input });
  };
  if (code >= 0) return take(code, undefined);
  const binding = bindings[~code];
  if (binding.type === "output") return take(binding.source, binding.output);
  if (binding.type === "stream") return take(binding.source, undefined);
  if (binding.type === "inner") return take(binding.source, binding.path);
  if (binding.type === "branch") {
    if (state.took(binding.source, binding.branch)) take(binding.source, binding.branch);
  } else if (binding.type === "winner") {
    const need = plan.anyNeeds.get(node)?.[state.winnerOf(node) ?? -1];
    if (need !== undefined) follow(state, node, need.code, input, taken);
  } else if (binding.type === "record") {
    for (const [i, inner] of binding.codes.entries()) follow(state, node, inner, binding.keys[i], taken);
  } else if (binding.type === "list") {
    for (const [i, inner] of binding.codes.entries()) follow(state, node, inner, `${input}.${i}`, taken);
  }
}
