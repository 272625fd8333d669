import { choosingContract } from "../../contracts/store-choosing.contract.js";
import { limitingContract } from "../../contracts/store-limiting.contract.js";
import { lookingAfterContract } from "../../contracts/store-looking-after.contract.js";
import { wakingContract } from "../../contracts/store-waking.contract.js";
import { queueingContract } from "../../contracts/store-queueing.contract.js";
import { reservingContract } from "../../contracts/store-reserving.contract.js";
import { requestingContract } from "../../contracts/store-requesting.contract.js";
import { withPostgres } from "../../support/postgres.js";
import { postgresSubject } from "../../support/store-subjects.js";

await withPostgres((server) => {
  const subject = postgresSubject(server);
  queueingContract("Postgres", subject, {
    damagedTime: "'NaN'",
    deletingTrigger: [
      `create function deleting() returns trigger language plpgsql as
      $$ begin delete from runs where id = 'a'; return null; end $$`,
      "create trigger deleting after insert on runs for each statement execute function deleting()",
    ],
  });
  choosingContract("Postgres", subject);
  reservingContract("Postgres", subject);
  lookingAfterContract("Postgres", subject);
  requestingContract("Postgres", subject);
  limitingContract("Postgres", subject);
  wakingContract("Postgres", subject);
});
