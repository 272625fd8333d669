import { randomInt } from "node:crypto";
import type { Kysely } from "kysely";
import { show } from "../../base/check.js";
import { StoreError } from "../../base/errors.js";
import { ColumnDecoder } from "../reading/column-decoder.js";
import { findRunRow } from "../reading/run-rows.js";
import type { DatabaseAccess } from "../database/database-access.js";
import type { RunRow, Tables } from "../database/schema.js";
import { requireKey, requireStorableNames } from "../values/storable-text.js";
import { Batch } from "../writing/batch.js";
import { fingerprintOf, fitOf } from "../writing/fingerprint.js";
import { encodeInputs, FIRST_TOKENS } from "../writing/new-run.js";
import { encodeMetadata, type LogHost, runExists } from "../writing/run-log.js";
import type { SubmittedRow } from "./insert-runs.js";
import type { Submission, Submitted } from "./queue.js";
import type { Submissions } from "./submissions.js";

/**
 * Records a run for services to drive, or finds the one that was submitted with the same key.
 * @throws {StoreError} RUN_EXISTS, KEY_CONFLICT, UNSTORABLE
 */
export async function submitRun(
  access: DatabaseAccess,
  submissions: Submissions,
  run: Submission,
  host: LogHost,
): Promise<Submitted> {
  requireKey("The run id", run.runId);
  requireKey("The workflow's name", run.workflow);
  if (run.key !== undefined) requireKey("The key", run.key);
  if (run.structure !== undefined) requireStorableNames(run.structure);
  const batch = new Batch();
  const row = submittedRow(run, batch, host);
  for (;;) {
    const isNew = await submissions.add({ row, blobs: batch.blobs, due: run.due }, batch.length);
    if (isNew) return { runId: run.runId, isNew };
    const submitted = await access.read(({ db }) => existingRun(db, run, row, host));
    // The run that was in the way may have been deleted.
    if (submitted !== undefined) return submitted;
  }
}

/** The run that has the key of a submitted one; undefined if there is none. @throws {StoreError} RUN_EXISTS, KEY_CONFLICT */
async function existingRun(
  db: Kysely<Tables>,
  run: Submission,
  row: SubmittedRow,
  host: LogHost,
): Promise<Submitted | undefined> {
  const byKey = db.selectFrom("runs").selectAll().where("workflow", "=", row.workflow).where("key", "=", row.key);
  const existing = (row.key === null ? undefined : await byKey.executeTakeFirst()) ?? (await findRunRow(db, row.id));
  if (existing === undefined) return undefined;
  // The answer to an earlier attempt was lost.
  if (existing.id === row.id && existing.fencing_token === row.fencing_token) return { runId: row.id, isNew: true };
  if (run.key === undefined || existing.key !== run.key) throw runExists(row.id);
  if (existing.given !== row.given) throw keyConflict(existing, row, host);
  return { runId: existing.id, isNew: false };
}

/** The columns of a submitted run, without its times. Adds its blobs to `batch`. @throws {StoreError} UNSTORABLE */
export function submittedRow(run: Submission, batch: Batch, host: LogHost): SubmittedRow {
  const { runId, workflow, kind, structure, inputs, given = inputs, metadata, key } = run;
  const { priority = 50, schedule, parent, trace } = run;
  const fingerprint = structure === undefined ? "" : fingerprintOf(structure);
  if (structure !== undefined) batch.blobs.set(fingerprint, structure);
  return {
    id: runId,
    workflow,
    kind: kind ?? "",
    fingerprint,
    fit: structure === undefined ? "" : fitOf(structure),
    parent_run_id: parent?.runId ?? null,
    parent_node: parent?.node ?? null,
    is_child: 0,
    status: "queued",
    inputs: encodeInputs(inputs, batch, host),
    metadata: metadata === undefined ? null : batch.store(encodeMetadata(metadata, host)),
    fencing_token: randomInt(...FIRST_TOKENS),
    key: key ?? null,
    priority,
    is_fresh: 1,
    recoveries: 0,
    given: key === undefined ? null : digestsOf(given, host),
    schedule: schedule ?? null,
    trace: trace ?? null,
  };
}

/** The hashes of inputs by name, see `RunRow.given`. An undefined input counts as not given. */
function digestsOf(inputs: Readonly<Record<string, unknown>>, { codec }: LogHost): string {
  const given = Object.keys(inputs).filter((name) => inputs[name] !== undefined);
  return codec.encode(Object.fromEntries(given.sort().map((name) => [name, codec.digestOf(inputs[name])])));
}

/** Names the inputs that differ. @throws {StoreError} when those of the existing run can't be read */
function keyConflict(existing: RunRow, row: SubmittedRow, { codec }: LogHost): StoreError {
  const decoder = new ColumnDecoder(codec, existing.id);
  decoder.register("runs", existing, "given");
  const [theirs, ours] = [existing, row].map(({ given }) => decoder.record(given as string));
  const names = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
  const others = Array.from(names).filter((name) => theirs[name] !== ours[name]);
  const message = `The key ${show(row.key)} belongs to run ${show(existing.id)} of ${show(existing.workflow)}, which has another value of ${others.map(show).join(", ")}. Use another key, or the inputs of that run.`;
  return new StoreError(message, "KEY_CONFLICT");
}
