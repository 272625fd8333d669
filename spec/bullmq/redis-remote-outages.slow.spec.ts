import { sqliteStore } from "dagwright/store";
import { remoteOutagesContract } from "../contracts/remote-outages.contract.js";
import { withOwnRedis } from "../support/redis-server.js";

withOwnRedis((create) => {
  remoteOutagesContract("Redis", ["without its data", "with its data"], async () => {
    const redis = await create();
    await redis.start();
    const store = sqliteStore(":memory:");
    const again = async (...options: string[]) => {
      await redis.kill();
      await redis.start(...options);
    };
    return {
      port: redis.port,
      connection: (to) => ({ url: `redis://127.0.0.1:${to}`, socketTimeout: 8000 }),
      restarts: {
        "without its data": () => again(),
        "with its data": async () => {
          await redis.save();
          await again();
        },
      },
      store,
      close: () => store.close(),
    };
  });
});
