import type { EventFacts } from "../run/events.js";
import type { RunHistory } from "../stores/reading/run-history.js";
import { ENDED } from "../stores/reading/run-summary.js";
import type { RecordedCycle } from "../stores/store.js";
import { failureOf, type Placed } from "./placed-event.js";

/** The events of the cycles of an fsm, without those of its moments. */
export function cycleEvents(run: RunHistory): Placed[] {
  const { cycles } = run;
  const entered = cycles.map((cycle) => enteredAt(run, cycle));
  return cycles.flatMap((entry, i) => {
    const { cycle, state: node, status, attempts, startedAt, finishedAt, output, error, wait } = entry;
    const at = entered[i];
    if (at === undefined) return [];
    const placed: Placed[] = [{ at, node, which: [cycle], facts: { type: "state.entered", cycle } }];
    // Further attempts are moments.
    if (startedAt !== undefined && attempts > 0) {
      placed.push({ at: startedAt, node, which: [cycle, 1], facts: { type: "attempt.started", attempt: 1 } });
    }
    if (finishedAt === undefined) return placed;
    const tell = (facts: EventFacts, time = finishedAt) => placed.push({ at: time, node, which: [cycle], facts });
    if (status === "failed") tell({ type: "node.failed", error: failureOf(run, node, attempts, error) });
    if (status === "completed") tell({ type: "node.completed", result: output?.value, cached: attempts === 0 });
    const next = cycles.at(i + 1);
    const isLast = next === undefined && ENDED.includes(run.status) && status === "completed";
    // A state that waits is left when the next one is entered.
    const left = wait === undefined ? finishedAt : isLast ? run.finishedAt : entered.at(i + 1);
    if ((next === undefined && !isLast) || left === undefined) return placed;
    tell({ type: "state.left", cycle, value: output?.value, to: next?.state, event: next?.event }, left);
    return placed;
  });
}

/** When a cycle began: with the delay of its state, or else its first attempt; at its end, if there was none. */
function enteredAt({ moments }: RunHistory, { cycle, startedAt, finishedAt }: RecordedCycle): number | undefined {
  const delayed = moments.find((moment) => moment.type === "node.waiting" && moment.cycle === cycle);
  return delayed?.at ?? startedAt ?? finishedAt;
}
