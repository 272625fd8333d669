import { serviceOverlapContract } from "../contracts/service-overlap.contract.js";
import { serviceSchedulesContract } from "../contracts/service-schedules.contract.js";
import { redisSubject, withRedis } from "../support/bullmq.js";

await withRedis((server) => {
  const subject = redisSubject(server);
  serviceOverlapContract("BullMQ on Redis", subject);
  serviceSchedulesContract("BullMQ on Redis", subject);
});
