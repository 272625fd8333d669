import { expect, it, vi } from "vitest";
import { postgresStore } from "dagwright/store";
import { withPostgres } from "../../support/postgres.js";
import { served, submitted } from "../../support/queued.js";
import { interceptQueries } from "../../support/queries.js";
import { failure } from "../../support/waiting.js";

await withPostgres((server) => {
  it("A run whose reservation was made, but never answered, is ready again when its store closes", async () => {
    await server.empty();
    const store = postgresStore(server.url);
    await store.queue.submit(submitted("a"));
    const claim = (from = store) => from.queue.claimNext({ workflows: [served], limit: 9 });
    interceptQueries(async ({ text, send }) => {
      const answer = await send();
      if (!text.includes("update runs set owner")) return answer;
      throw new Error("the answer is lost for good");
    });
    expect(await failure(claim())).toMatchObject({ name: "StoreError" });
    vi.restoreAllMocks();
    const other = postgresStore(server.url);
    expect((await claim(other)).runs).toEqual([]);
    await store.close();
    expect((await claim(other)).runs).toMatchObject([{ runId: "a" }]);
    await other.close();
  });
});
