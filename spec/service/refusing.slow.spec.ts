import { serviceRefusingContract } from "../contracts/service-refusing.contract.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject } from "../support/store-subjects.js";

serviceRefusingContract("SQLite", sqliteSubject, {
  refuse: (event, table, condition, why) => {
    const message = why === "no room" ? "database or disk is full" : "no such rows";
    return [
      `create trigger refusing before ${event} on ${table} when ${condition} begin select raise(abort, '${message}'); end`,
    ];
  },
  accept: () => "drop trigger refusing",
});

await withPostgres((server) =>
  serviceRefusingContract("Postgres", postgresSubject(server), {
    refuse: (event, table, condition, why) => [
      `create function refuse() returns trigger language plpgsql as $$ begin
        raise 'no such rows' using errcode = '${why === "no room" ? "53100" : "P0001"}'; end $$`,
      `create trigger refusing before ${event} on ${table} for each row when (${condition}) execute function refuse()`,
    ],
    accept: (table) => `drop trigger refusing on ${table}; drop function refuse`,
  }),
);
