import { StoreError } from "../base/errors.js";
import { childKey } from "../run/child-result.js";
import type { DatabaseAccess } from "./database/database-access.js";
import type { AttemptPlace, ValueStore } from "./store.js";
import type { Codec } from "./values/codec.js";
import { sha256, writeBlobs } from "./writing/blobs.js";

/** Long texts of runs, for the nodes that other processes execute. They are blobs, like the long texts of records. */
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

  async haveOutcome(attempts: readonly AttemptPlace[]): Promise<readonly boolean[]> {
    const places = attempts.map(({ runId, node, item, attempt }) =>
      // An item has one row for all of its attempts.
      item === undefined ? { runId, node, attempt } : { runId, node: childKey(node, item), attempt: 1 },
    );
    const runIds = Array.from(new Set(places.map(({ runId }) => runId)));
    const nodes = Array.from(new Set(places.map(({ node }) => node)));
    const [rows, runs] = await this.access.run(() =>
      this.access.read(({ db }) =>
        Promise.all([
          db
            .selectFrom("node_executions")
            .select(["run_id", "node", "attempt", "status"])
            .where("run_id", "in", runIds)
            .where("node", "in", nodes)
            .execute(),
          db.selectFrom("runs").select("id").where("id", "in", runIds).execute(),
        ]),
      ),
    );
    const key = (runId: string, node: string, attempt: number) => JSON.stringify([runId, node, attempt]);
    const statuses = new Map(rows.map((row) => [key(row.run_id, row.node, row.attempt), row.status]));
    const recorded = new Set(runs.map(({ id }) => id));
    return places.map(({ runId, node, attempt }) => {
      const status = statuses.get(key(runId, node, attempt));
      return status === undefined ? !recorded.has(runId) : status !== "running";
    });
  }
}
