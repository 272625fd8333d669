import type { RunDriver, RunStore } from "../stores/store.js";

/** Never called: a run that fails before it begins has no metadata and takes no events. */
const NO_DRIVER: RunDriver = {
  durability: "strict",
  metadata: () => undefined,
  onFailure: () => {},
  onEvents: () => {},
  onRequest: () => {},
};

/** Ends a run that this store has claimed, and that can't begin, as failed. @throws {StoreError} */
export async function failRun(store: RunStore, runId: string, error: unknown): Promise<void> {
  const claim = { driver: NO_DRIVER, structure: undefined, discard: [], sent: [] };
  const log = await store.claim(runId, () => claim);
  await log?.finish({ status: "failed", outputs: [], error });
}
