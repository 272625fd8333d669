import { nowChecked, toEpoch } from "../../base/clock.js";
import type { Batch, NewRunRow } from "./batch.js";
import { fingerprintOf, fitOf } from "./fingerprint.js";
import type { Leases } from "../leases.js";
import { NOT_PAUSED } from "./pauses.js";
import { encodeMetadata, type LogHost } from "./run-log.js";
import type { NewRun } from "../store.js";

/**
 * The range of a run's first fencing token. It is random, to fence off the driver of a deleted run with the same id,
 * which may not have noticed yet. The largest is half of what the column holds: leaves room for later tokens.
 */
export const FIRST_TOKENS = [1, 2 ** 30] as const;

/** The row of a new run, driven by this store. Adds its blobs to `batch`. @throws {StoreError} UNSTORABLE */
export function newRunRow(run: NewRun, token: number, batch: Batch, leases: Leases, host: LogHost): NewRunRow {
  const metadata = run.driver.metadata();
  const now = toEpoch(nowChecked());
  const fingerprint = fingerprintOf(run.structure);
  batch.blobs.set(fingerprint, run.structure);
  return {
    id: run.runId,
    workflow: run.workflow,
    kind: run.kind,
    fingerprint,
    fit: fitOf(run.structure),
    parent_run_id: run.parent?.runId ?? null,
    parent_node: run.parent?.node ?? null,
    is_child: run.parent?.isOuter === true ? 1 : 0,
    scope: run.scope === undefined ? null : batch.store(JSON.stringify(run.scope)),
    status: "running",
    inputs: encodeInputs(run.inputs, batch, host),
    outputs: null,
    metadata: metadata === undefined ? null : batch.store(encodeMetadata(metadata, host)),
    error: null,
    owner: leases.owner,
    lease: leases.length,
    fencing_token: token,
    created_at: now,
    updated_at: now,
    finished_at: null,
    trace: run.trace ?? null,
    ...NOT_PAUSED,
  };
}

/** Adds the blobs to `batch`. @throws {StoreError} UNSTORABLE */
export function encodeInputs(inputs: Readonly<Record<string, unknown>>, batch: Batch, { codec }: LogHost): string {
  return batch.store(codec.encode({ ...inputs }, "The inputs"));
}
