import { afterAll } from "vitest";
import { postgresStore } from "dagwright/store";
import { remoteRecoveringContract } from "../contracts/remote-recovering.contract.js";
import { withPostgres } from "../support/postgres.js";
import { closeRemotes } from "../support/remoted.js";

await withPostgres(({ url }) => {
  const store = postgresStore(url, { lease: 1500 });
  afterAll(() => store.close());
  closeRemotes();
  remoteRecoveringContract("Postgres", { connection: url }, () => ({ database: url, store }));
});
