import { afterAll } from "vitest";
import { sqliteStore } from "dagwright/store";
import { remoteWorkingContract } from "../contracts/remote-working.contract.js";
import { withRedis } from "../support/bullmq.js";
import { remoteContracts } from "../support/remote-subject.js";
import { closeRemotes } from "../support/remoted.js";

await withRedis(({ url, prefix }) => {
  const broker = { connection: url, prefix: prefix() };
  const store = sqliteStore(":memory:");
  closeRemotes();
  afterAll(() => store.close());
  remoteContracts(broker, store);
  remoteWorkingContract("Redis", broker, () => store);
});
