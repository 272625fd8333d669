/** Fsms that wait for events. */
import { Fsm, next, stop, waitForEvent } from "dagwright";
import type { SqlStore } from "dagwright/store";

/** The payloads that states received. */
export const taken: unknown[] = [];

/** created → PAID → paid → SENT → sent; with `after`, created → late. */
export function order(after?: number): Fsm<any> {
  const fsm = new Fsm<any>("order");
  const late = after === undefined ? {} : { after: [after, "late"] as const };
  fsm.state("created", { initial: true }, () => waitForEvent({ PAID: "paid" }, late));
  fsm.state("paid", (amount: number) => (taken.push(amount), waitForEvent({ SENT: "sent" })));
  fsm.state("sent", (by: unknown) => stop(by));
  fsm.state("late", () => stop("late"));
  return fsm;
}

/** Takes ITEM events, one per cycle, until END. */
export function collector(hook?: () => unknown): Fsm<any> {
  const fsm = new Fsm<any>("collector");
  fsm.state("idle", { initial: true }, () => waitForEvent({ ITEM: "item", END: "end" }));
  fsm.state("item", (item: unknown) => (taken.push(item), next("idle")));
  fsm.state("end", () => stop("end"));
  if (hook !== undefined) fsm.addStateHook(hook);
  return fsm;
}

/** Whether the store knows that a run waits in a state. */
export async function waitsIn(store: SqlStore, runId: string, state: string): Promise<boolean> {
  const last = (await store.getRun(runId))?.cycles.at(-1);
  return last?.state === state && last.wait !== undefined;
}
