import { serviceSchedulesCrashContract } from "../contracts/service-schedules-crash.contract.js";
import { bullmqPostgresSubject } from "../support/bullmq.js";
import { withPostgres } from "../support/postgres.js";

await withPostgres((server) => {
  serviceSchedulesCrashContract("BullMQ on Postgres", bullmqPostgresSubject(server, { repairInterval: 1000 }));
});
