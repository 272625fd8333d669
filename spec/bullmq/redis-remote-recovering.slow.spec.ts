import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { sqliteStore } from "dagwright/store";
import { remoteRecoveringContract } from "../contracts/remote-recovering.contract.js";
import { withRedis } from "../support/bullmq.js";
import { closeRemotes } from "../support/remoted.js";

await withRedis(({ url, prefix }) => {
  const broker = { connection: url, prefix: prefix() };
  const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
  const database = join(folder, "runs.db");
  const store = sqliteStore(database, { lease: 1500 });
  afterAll(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  closeRemotes();
  remoteRecoveringContract("Redis", broker, () => ({ database, store }));
});
