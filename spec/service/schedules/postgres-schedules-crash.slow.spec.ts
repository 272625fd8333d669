import { serviceSchedulesCrashContract } from "../../contracts/service-schedules-crash.contract.js";
import { withPostgres } from "../../support/postgres.js";
import { postgresSubject } from "../../support/store-subjects.js";

await withPostgres((server) => {
  serviceSchedulesCrashContract("Postgres", postgresSubject(server));
});
