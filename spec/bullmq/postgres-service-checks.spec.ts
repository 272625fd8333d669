import { serviceBuildsContract } from "../contracts/service-builds.contract.js";
import { serviceDeclaredEventsContract } from "../contracts/service-declared-events.contract.js";
import { serviceResumingContract } from "../contracts/service-resuming.contract.js";
import { serviceSendingContract } from "../contracts/service-sending.contract.js";
import { bullmqPostgresSubject } from "../support/bullmq.js";
import { withPostgres } from "../support/postgres.js";

await withPostgres((server) => {
  const subject = bullmqPostgresSubject(server);
  serviceBuildsContract("BullMQ on Postgres", subject);
  serviceDeclaredEventsContract("BullMQ on Postgres", subject);
  serviceResumingContract("BullMQ on Postgres", subject);
  serviceSendingContract("BullMQ on Postgres", subject);
});
