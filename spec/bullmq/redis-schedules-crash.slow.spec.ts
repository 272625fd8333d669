import { serviceSchedulesCrashContract } from "../contracts/service-schedules-crash.contract.js";
import { redisSubject, withRedis } from "../support/bullmq.js";

await withRedis((server) => {
  serviceSchedulesCrashContract("BullMQ on Redis", redisSubject(server, { repairInterval: 1000 }));
});
