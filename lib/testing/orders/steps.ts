import { deferred, type Deferred } from "../../base/deferred.js";
import type { Context, NodeHooks } from "../../index.js";

/** Something that may happen next in a run. */
export interface Step {
  /** What it is, the same in every order: `load starts`. */
  readonly label: string;
  /** Whether others may happen at the same moment, before anything goes on. */
  readonly isStart: boolean;
  take(): void;
}

/** What has started goes as far as it can without a timer. */
export const GO_ON: Step = { label: "goes on", isStart: false, take: () => {} };

const STARTS = " starts";

/** An order for people: what starts at the same moment in one line, and nothing of going on. */
export function spelledOut(order: readonly string[]): string[] {
  const lines: string[] = [];
  let together: string[] = [];
  for (const label of [...order, GO_ON.label]) {
    if (label.endsWith(STARTS)) {
      together.push(label.slice(0, -STARTS.length));
      continue;
    }
    if (together.length > 1) lines.push(`${together.join(" and ")} start together`);
    else lines.push(...together.map((node) => node + STARTS));
    together = [];
    if (label !== GO_ON.label) lines.push(label);
  }
  return lines;
}

/** What the nodes of a run wait for before they start, and before they end. */
export class Steps {
  private readonly ends = new Set<Step>();
  private readonly starts = new Set<Step>();
  private readonly asked = new Map<string, number>();

  /** @param runId - that of the run */
  constructor(private readonly runId: string) {}

  /** Those that may happen, in a fixed order: what ends, and then what starts, each in the order of asking. */
  get ending(): readonly Step[] {
    return Array.from(this.ends);
  }

  get starting(): readonly Step[] {
    return Array.from(this.starts);
  }

  /** Lets each attempt of the run, and of runs inside, wait for its steps. */
  readonly hooks: NodeHooks = {
    preExecute: (_node, _inputs, ctx) => this.wait(ctx, "starts", this.starts),
    postExecute: (_node, _inputs, _result, ctx) => this.wait(ctx, "ends", this.ends),
    onError: (_node, _inputs, _error, ctx) => this.wait(ctx, "fails", this.ends),
  };

  private wait(ctx: Context, what: string, waiting: Set<Step>): Promise<void> {
    const node = ctx.idempotencyKey.slice(this.runId.length + 1);
    const name = ctx.attempt > 1 ? `attempt ${ctx.attempt} of ${node}` : node;
    const count = (this.asked.get(name + what) ?? 0) + 1;
    this.asked.set(name + what, count);
    const done: Deferred<void> = deferred();
    const step = {
      label: `${name}${count > 1 ? ` (${count})` : ""} ${what}`,
      isStart: waiting === this.starts,
      take: () => {
        waiting.delete(step);
        done.resolve();
      },
    };
    waiting.add(step);
    return done.promise;
  }
}
