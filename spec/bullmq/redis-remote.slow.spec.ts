import { afterAll } from "vitest";
import { sqliteStore } from "dagwright/store";
import { remoteWorkingContract } from "../contracts/remote-working.contract.js";
import { withRedis } from "../support/bullmq.js";
import { remoteContracts } from "../support/remote-subject.js";
import { closeRemotes } from "../support/remoted.js";

await withRedis(({ url }) => {
  const store = sqliteStore(":memory:");
  closeRemotes();
  afterAll(() => store.close());
  remoteContracts(url, store);
  remoteWorkingContract("Redis", url, () => store);
});
