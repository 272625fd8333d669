import { toEpoch } from "../base/clock.js";
import { inputName } from "../definition/named-inputs.js";
import { isSink, type DagPlan } from "../planning/plan.js";
import type { RunEvent } from "../run/events.js";
import type { RunState } from "../run/state.js";
import { Status } from "../run/status.js";
import type { AttemptEntry, Durability, RunLog, Traversal } from "../stores/store.js";
import { Recorder } from "./recorder.js";

/** Writes a dag's run to its store: a row an attempt, and one for each edge that a result went along. */
export class DagRecorder extends Recorder {
  /** The attempts in progress, by node. */
  private readonly running = new Map<number, AttemptEntry>();
  /** The nodes whose failure was written with their attempt. */
  private readonly failed = new Set<number>();

  constructor(
    private readonly state: RunState,
    durability: Durability | undefined,
    create?: (recorder: Recorder) => Promise<RunLog>,
  ) {
    super(state, durability, create);
  }

  /** Results taken over from another run are part of this one. */
  protected begin(log: RunLog): void {
    const { state } = this;
    for (const node of state.copiedNodes) {
      const output = { value: state.values[node] };
      log.attempt({ ...this.without(node, "skipped", undefined), output, branch: state.branchOf(node) });
    }
  }

  protected write(log: RunLog, event: RunEvent, node = -1): void {
    const { running } = this;
    switch (event.type) {
      case "attempt.started": {
        const { node: name, attempt, at } = event;
        const entry = { node: name, attempt, status: "running", startedAt: at, finishedAt: undefined } as const;
        running.set(node, entry);
        log.attempt(entry);
        log.traversals(traversals(this.state, node));
        return;
      }
      case "attempt.failed":
        this.failed.add(node);
        return this.settle(log, node, { status: "failed", finishedAt: event.at, error: event.error });
      case "node.completed":
        return this.complete(log, event, node);
      case "node.failed":
        if (running.has(node)) this.settle(log, node, { status: "failed", finishedAt: event.at, error: event.error });
        else if (!this.failed.has(node)) log.attempt({ ...this.without(node, "failed", event.at), error: event.error });
        return;
      case "node.skipped":
        return log.attempt({ ...this.without(node, "skipped", event.at), reason: event.skippedBy });
      case "node.cancelled":
        if (running.has(node)) this.settle(log, node, { status: "cancelled", finishedAt: event.at });
    }
  }

  protected end(log: RunLog): void {
    for (const [node, reason] of this.state.pauses) {
      this.settle(log, node, { status: "paused", reason, finishedAt: toEpoch(this.state.finishedAt[node]) });
    }
  }

  protected outputs(): string[] {
    const { plan, status, active } = this.state;
    const isOutput = (_: unknown, i: number) => status[i] === Status.completed && isSink(plan, i, active);
    return plan.specs.filter(isOutput).map(({ name }) => name);
  }

  private complete(log: RunLog, event: RunEvent & { type: "node.completed" }, node: number): void {
    const output = { value: event.result };
    const result = { output, branch: this.state.branchOf(node), isCached: event.cached };
    try {
      if (!this.running.has(node)) log.attempt({ ...this.without(node, "completed", event.at), ...result });
      else this.settle(log, node, { status: "completed", finishedAt: event.at, ...result });
    } catch (error) {
      this.settle(log, node, { status: "failed", finishedAt: event.at, error });
      throw error;
    }
    if (event.cached) log.traversals(traversals(this.state, node));
  }

  /** What became of the attempt in progress. */
  private settle(log: RunLog, node: number, outcome: Partial<AttemptEntry>): void {
    const entry = this.running.get(node) ?? this.without(node, "failed", undefined);
    log.attempt({ ...entry, ...outcome });
    this.running.delete(node);
  }

  /** What became of a node without an attempt. */
  private without(node: number, status: AttemptEntry["status"], finishedAt: number | undefined): AttemptEntry {
    return { node: this.state.plan.specs[node].name, attempt: 0, status, startedAt: undefined, finishedAt };
  }
}

/** The results that a node takes, as far as there are such. */
function traversals(state: RunState, node: number): Traversal[] {
  const { plan } = state;
  const { argStart, args, specs } = plan;
  const to = specs[node].name;
  const list: Traversal[] = [];
  for (let k = argStart[node]; k < argStart[node + 1]; k++) {
    const input = inputName(specs[node], k - argStart[node]) ?? "context";
    for (const [source, output, key] of sources(state, plan, node, args[k], input)) {
      if (state.hasResult(source)) list.push({ from: specs[source].name, to, output, input: key });
    }
  }
  return list;
}

function* sources(
  state: RunState,
  plan: DagPlan,
  node: number,
  code: number,
  input: string,
): Generator<[source: number, output: string | undefined, input: string]> {
  if (code >= 0) return yield [code, undefined, input];
  const binding = plan.bindings[~code];
  if (binding.type === "output") yield [binding.source, binding.output, input];
  else if (binding.type === "branch" && state.took(binding.source, binding.branch)) {
    yield [binding.source, binding.branch, input];
  } else if (binding.type === "winner") {
    const need = plan.anyNeeds.get(node)?.[state.winnerOf(node) ?? -1];
    if (need !== undefined) yield* sources(state, plan, node, need.code, input);
  } else if (binding.type === "record") {
    for (const [i, inner] of binding.codes.entries()) yield* sources(state, plan, node, inner, binding.keys[i]);
  } else if (binding.type === "list") {
    for (const [i, inner] of binding.codes.entries()) yield* sources(state, plan, node, inner, `${input}.${i}`);
  }
}
