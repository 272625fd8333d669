import { afterAll } from "vitest";
import { postgresStore } from "dagwright/store";
import { remoteWorkingContract } from "../contracts/remote-working.contract.js";
import { withPostgres } from "../support/postgres.js";
import { remoteContracts } from "../support/remote-subject.js";
import { closeRemotes } from "../support/remoted.js";

await withPostgres(({ url }) => {
  const store = postgresStore(url);
  afterAll(() => store.close());
  closeRemotes();
  remoteContracts({ connection: url }, store);
  remoteWorkingContract("Postgres", { connection: url }, () => store);
});
