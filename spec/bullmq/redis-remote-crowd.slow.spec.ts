import { remoteCrowdContract } from "../contracts/remote-crowd.contract.js";
import { withRedis } from "../support/bullmq.js";
import { closeRemotes } from "../support/remoted.js";

await withRedis(({ url, prefix }) => {
  closeRemotes();
  remoteCrowdContract("Redis", { connection: url, prefix: prefix() }, 10_000);
});
