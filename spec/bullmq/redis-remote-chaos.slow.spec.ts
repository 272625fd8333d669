import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { sqliteStore } from "dagwright/store";
import { remoteChaosContract } from "../contracts/remote-chaos.contract.js";
import { withRedis } from "../support/bullmq.js";

await withRedis(({ url, prefix }) => {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
  const database = join(folder, "runs.db");
  const store = sqliteStore(database);
  afterAll(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  remoteChaosContract("Redis", { connection: url, prefix: prefix() }, () => ({ database, store }));
});
