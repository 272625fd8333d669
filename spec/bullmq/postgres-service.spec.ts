import { serviceActingContract } from "../contracts/service-acting.contract.js";
import { serviceFollowingContract } from "../contracts/service-following.contract.js";
import { serviceReservingContract } from "../contracts/service-reserving.contract.js";
import { serviceSharingContract } from "../contracts/service-sharing.contract.js";
import { serviceStoppingContract } from "../contracts/service-stopping.contract.js";
import { serviceSubmittingContract } from "../contracts/service-submitting.contract.js";
import { bullmqPostgresSubject } from "../support/bullmq.js";
import { withPostgres } from "../support/postgres.js";

await withPostgres((server) => {
  const subject = bullmqPostgresSubject(server);
  serviceActingContract("BullMQ on Postgres", subject);
  serviceFollowingContract("BullMQ on Postgres", subject);
  serviceReservingContract("BullMQ on Postgres", subject);
  serviceSharingContract("BullMQ on Postgres", subject);
  serviceStoppingContract("BullMQ on Postgres", subject);
  serviceSubmittingContract("BullMQ on Postgres", subject);
});
