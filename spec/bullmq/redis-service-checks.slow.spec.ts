import { serviceBuildsContract } from "../contracts/service-builds.contract.js";
import { serviceDeclaredEventsContract } from "../contracts/service-declared-events.contract.js";
import { serviceResumingContract } from "../contracts/service-resuming.contract.js";
import { serviceSendingContract } from "../contracts/service-sending.contract.js";
import { redisSubject, withRedis } from "../support/bullmq.js";

await withRedis((server) => {
  const subject = redisSubject(server);
  serviceBuildsContract("BullMQ on Redis", subject);
  serviceDeclaredEventsContract("BullMQ on Redis", subject);
  serviceResumingContract("BullMQ on Redis", subject);
  serviceSendingContract("BullMQ on Redis", subject);
});
