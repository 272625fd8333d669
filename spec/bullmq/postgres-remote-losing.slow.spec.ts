import { remoteLosingContract } from "../contracts/remote-losing.contract.js";
import { withPostgres } from "../support/postgres.js";
import { closeRemotes } from "../support/remoted.js";

await withPostgres(({ url }) => {
  closeRemotes();
  remoteLosingContract("Postgres", { connection: url });
});
