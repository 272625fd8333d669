import { Redis } from "ioredis";

/** The Redis that DAGWRIGHT_TEST_REDIS_URL names, or the local one; if there is none, what to do. */
export async function redisServer() {
  const url = process.env.DAGWRIGHT_TEST_REDIS_URL ?? "redis://127.0.0.1:6379";
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    await redis.connect();
  } catch {
    const missing = `no Redis at ${url}: start one there, or name another with DAGWRIGHT_TEST_REDIS_URL`;
    return { url: undefined, missing, clear: async () => {} };
  }
  /** Removes all keys of some prefixes, and disconnects. */
  const clear = async (...prefixes: string[]) => {
    for (const prefix of prefixes) {
      const keys = await redis.keys(`${prefix}:*`);
      if (keys.length > 0) await redis.del(...keys);
    }
    await redis.quit();
  };
  return { url, missing: undefined, clear };
}
