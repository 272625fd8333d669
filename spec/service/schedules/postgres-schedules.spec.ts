import { serviceOverlapContract } from "../../contracts/service-overlap.contract.js";
import { serviceSchedulesContract } from "../../contracts/service-schedules.contract.js";
import { withPostgres } from "../../support/postgres.js";
import { postgresSubject } from "../../support/store-subjects.js";

await withPostgres((server) => {
  const subject = postgresSubject(server);
  serviceSchedulesContract("Postgres", subject);
  serviceOverlapContract("Postgres", subject);
});
