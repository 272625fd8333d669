import { afterAll } from "vitest";
import { postgresStore } from "dagwright/store";
import { remoteChaosContract } from "../contracts/remote-chaos.contract.js";
import { withPostgres } from "../support/postgres.js";

await withPostgres(({ url }) => {
  const store = postgresStore(url);
  afterAll(() => store.close());
  remoteChaosContract("Postgres", { connection: url }, () => ({ database: url, store }));
});
