import { remoteCrowdContract } from "../contracts/remote-crowd.contract.js";
import { withPostgres } from "../support/postgres.js";
import { closeRemotes } from "../support/remoted.js";

await withPostgres(({ url }) => {
  closeRemotes();
  remoteCrowdContract("Postgres", { connection: url }, 500);
});
