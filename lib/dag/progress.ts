import { pendingOf, whenSettled } from "../base/coroutine.js";
import { messageOf } from "../base/message.js";
import { warn } from "../base/warning.js";
import type { Observer, RunEvent } from "../run/events.js";
import type { RunState } from "../run/state.js";
import type { RunProgress } from "./options.js";

const OVER: ReadonlySet<RunEvent["type"]> = new Set([
  "node.completed",
  "node.failed",
  "node.skipped",
  "node.cancelled",
]);

/** Reports a run's progress whenever a node has ended. Cost: O(1) per node. */
export function progressObserver(state: RunState, onProgress: (progress: RunProgress) => unknown): Observer {
  const { active, plan } = state;
  let total = 0;
  let completed = 0;
  for (let i = 0; i < plan.size; i++) {
    if (active?.[i] === 0) continue;
    total++;
    if (state.hasResult(i)) completed++;
  }
  return (event) => {
    if (!("node" in event) || !OVER.has(event.type) || event.runId !== state.runId) return;
    completed++;
    try {
      const pending = pendingOf(onProgress({ node: event.node, completed, total, fraction: completed / total }));
      if (pending !== undefined) whenSettled(pending, () => {}, threw);
    } catch (error) {
      threw(error);
    }
  };
}

function threw(error: unknown): void {
  warn(`"onProgress" threw: ${messageOf(error)}`, "DagwrightObserverWarning");
}
