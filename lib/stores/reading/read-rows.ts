import type { Kysely } from "kysely";
import { withJson } from "../../base/json.js";
import type { Structure } from "../../planning/structure.js";
import type { AttemptRow, CycleRow, RunRow, Tables } from "../database/schema.js";
import type { Codec } from "../values/codec.js";
import type { ColumnDecoder } from "./column-decoder.js";
import { requireConsistent } from "./consistency.js";
import { partItems, type PartedRows } from "./item-rows.js";
import { decoderFor } from "./recorded-run.js";
import { attemptRows, cycleRows } from "./run-rows.js";

/** The rows of a run for those who look it up, with what decodes them. */
export interface ReadRows extends PartedRows {
  readonly attempts: readonly AttemptRow[];
  readonly cycles: readonly CycleRow[];
  readonly decoder: ColumnDecoder;
  readonly structure: Structure;
}

/**
 * Reads the rows of a run, and checks that they are consistent.
 * @param register - registers further columns to decode
 * @throws {StoreError} STORE naming run and column
 */
export async function readRows(
  db: Kysely<Tables>,
  row: RunRow,
  codec: Codec,
  register?: (decoder: ColumnDecoder) => void,
): Promise<ReadRows> {
  const attempts = await attemptRows(db, row.id);
  const cycles = await cycleRows(db, row.id);
  const decoder = decoderFor(row, attempts, cycles, codec, withJson);
  register?.(decoder);
  await decoder.fetchBlobs(db);
  const structure = decoder.structure();
  const parted = partItems(attempts, structure);
  requireConsistent(row, parted.nodes, cycles, decoder);
  return { ...parted, attempts, cycles, decoder, structure };
}
