import type { ValueStore } from "../../stores/store.js";
import type { AttemptRecord } from "./attempt.js";
import type { NodeJobs } from "./node-jobs.js";

/** How many jobs are looked at in one go. */
const AT_ONCE = 200;

/**
 * The jobs of recorded runs whose outcome was taken. They stay in the broker until the store has it: should this process
 * die before, the next driver of the run takes it once more.
 */
export class TakenJobs {
  private readonly records = new Map<string, AttemptRecord>();

  get isEmpty(): boolean {
    return this.records.size === 0;
  }

  add(id: string, record: AttemptRecord): void {
    this.records.set(id, record);
  }

  /** Removes the jobs whose outcome is recorded. */
  async removeSettled(jobs: NodeJobs): Promise<void> {
    const byStore = new Map<ValueStore, string[]>();
    for (const [id, { store }] of this.records) {
      const ids = byStore.get(store);
      if (ids === undefined) byStore.set(store, [id]);
      else ids.push(id);
    }
    for (const [store, ids] of byStore) {
      for (let i = 0; i < ids.length; i += AT_ONCE) await this.removeOf(store, ids.slice(i, i + AT_ONCE), jobs);
    }
  }

  private async removeOf(store: ValueStore, ids: readonly string[], jobs: NodeJobs): Promise<void> {
    const places = ids.map((id) => (this.records.get(id) as AttemptRecord).place);
    const settled = await store.haveOutcome(places).catch(() => undefined);
    const removed = ids.filter((_, i) => settled === undefined || settled[i]);
    for (const id of removed) this.records.delete(id);
    // A store that is closed says nothing of them any more: BullMQ removes them by their age.
    if (settled !== undefined) await Promise.all(removed.map((id) => jobs.remove(id)));
  }
}
