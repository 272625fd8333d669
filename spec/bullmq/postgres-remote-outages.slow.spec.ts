import { postgresStore } from "dagwright/store";
import { remoteOutagesContract } from "../contracts/remote-outages.contract.js";
import { OwnPostgres } from "../support/own-postgres.js";

remoteOutagesContract("Postgres", ["with the store"], async () => {
  const postgres = await OwnPostgres.start();
  const { url, port } = postgres;
  const store = postgresStore(url);
  return {
    port,
    connection: (to) => url.replace(`:${port}/`, `:${to}/`),
    restarts: { "with the store": () => postgres.restart() },
    store,
    close: async () => {
      await store.close();
      await postgres.remove();
    },
  };
});
