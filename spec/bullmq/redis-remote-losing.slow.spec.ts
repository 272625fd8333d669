import { remoteLosingContract } from "../contracts/remote-losing.contract.js";
import { withRedis } from "../support/bullmq.js";
import { closeRemotes } from "../support/remoted.js";

await withRedis(({ url, prefix }) => {
  closeRemotes();
  remoteLosingContract("Redis", { connection: url, prefix: prefix() });
});
