import { serviceDeclaredEventsContract } from "../contracts/service-declared-events.contract.js";
import { serviceBuildsContract } from "../contracts/service-builds.contract.js";
import { serviceFollowingContract } from "../contracts/service-following.contract.js";
import { serviceReservingContract } from "../contracts/service-reserving.contract.js";
import { serviceResumingContract } from "../contracts/service-resuming.contract.js";
import { serviceSendingContract } from "../contracts/service-sending.contract.js";
import { serviceSharingContract } from "../contracts/service-sharing.contract.js";
import { serviceActingContract } from "../contracts/service-acting.contract.js";
import { serviceStoppingContract } from "../contracts/service-stopping.contract.js";
import { serviceSubmittingContract } from "../contracts/service-submitting.contract.js";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject } from "../support/store-subjects.js";

await withPostgres((server) => {
  const subject = postgresSubject(server);
  serviceSubmittingContract("Postgres", subject);
  serviceBuildsContract("Postgres", subject);
  serviceStoppingContract("Postgres", subject);
  serviceFollowingContract("Postgres", subject);
  serviceSharingContract("Postgres", subject);
  serviceActingContract("Postgres", subject);
  serviceReservingContract("Postgres", subject);
  serviceResumingContract("Postgres", subject);
  serviceSendingContract("Postgres", subject);
  serviceDeclaredEventsContract("Postgres", subject);
});
