import { StoreError } from "../base/errors.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { ValueStore } from "./store.js";
import type { Codec } from "./values/codec.js";
import { sha256, writeBlobs } from "./writing/blobs.js";

/** Long texts of runs, for the nodes that other processes execute. They are blobs, as those that records refer to. */
export class SqlValues implements ValueStore {
  constructor(
    private readonly access: DatabaseAccess,
    readonly codec: Codec,
  ) {}

  async put(runId: string, text: string): Promise<string> {
    const hash = sha256(text);
    const blobs = new Map([[hash, text]]);
    await this.access.run(() =>
      this.access.transaction<true>(async (trx) => {
        await writeBlobs(trx, runId, blobs);
        return true;
      }),
    );
    return hash;
  }

  async get(hash: string): Promise<string> {
    const row = await this.access.run(() =>
      this.access.read(({ db }) => db.selectFrom("blobs").select("data").where("hash", "=", hash).executeTakeFirst()),
    );
    if (row !== undefined) return row.data;
    throw new StoreError(`The store has no value ${hash}: the run that it belongs to has been deleted.`, "NOT_FOUND");
  }
}
