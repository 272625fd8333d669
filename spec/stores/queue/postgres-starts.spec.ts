import { expect, it, vi } from "vitest";
import { postgresStore } from "dagwright/store";
import { execute, withPostgres } from "../../support/postgres.js";
import { order, served, submitted } from "../../support/queued.js";
import { interceptQueries } from "../../support/queries.js";

await withPostgres((server) => {
  it("A run whose beginning is written again, since the answer was lost, counts once towards the rate", async () => {
    await server.empty();
    const store = postgresStore(server.url);
    await store.queue.submit(submitted("a"));
    const workflows = [{ ...served, rate: { limit: 9, interval: 60_000 } }];
    expect((await store.queue.claimNext({ workflows, limit: 9 })).runs).toHaveLength(1);
    let isLost = false;
    interceptQueries(async ({ text, send }) => {
      const answer = await send();
      if (isLost || !text.includes("insert into starts")) return answer;
      isLost = true;
      throw Object.assign(new Error("Connection terminated unexpectedly"));
    });
    expect((await order().resume("a", { store })).value).toBe(2);
    vi.restoreAllMocks();
    expect(isLost).toBe(true);
    expect((await execute(server.url, "select workflow from starts")).map(({ workflow }) => workflow)).toEqual([
      "order",
    ]);
    await store.close();
  });
});
