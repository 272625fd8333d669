import { serviceActingContract } from "../contracts/service-acting.contract.js";
import { serviceFollowingContract } from "../contracts/service-following.contract.js";
import { serviceReservingContract } from "../contracts/service-reserving.contract.js";
import { serviceSharingContract } from "../contracts/service-sharing.contract.js";
import { serviceStoppingContract } from "../contracts/service-stopping.contract.js";
import { serviceSubmittingContract } from "../contracts/service-submitting.contract.js";
import { redisSubject, withRedis } from "../support/bullmq.js";

await withRedis((server) => {
  const subject = redisSubject(server);
  serviceActingContract("BullMQ on Redis", subject);
  serviceFollowingContract("BullMQ on Redis", subject);
  serviceReservingContract("BullMQ on Redis", subject);
  serviceSharingContract("BullMQ on Redis", subject);
  serviceStoppingContract("BullMQ on Redis", subject);
  serviceSubmittingContract("BullMQ on Redis", subject);
});
