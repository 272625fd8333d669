import { serviceOverlapContract } from "../contracts/service-overlap.contract.js";
import { serviceSchedulesContract } from "../contracts/service-schedules.contract.js";
import { bullmqPostgresSubject } from "../support/bullmq.js";
import { withPostgres } from "../support/postgres.js";

await withPostgres((server) => {
  const subject = bullmqPostgresSubject(server);
  serviceOverlapContract("BullMQ on Postgres", subject);
  serviceSchedulesContract("BullMQ on Postgres", subject);
});
