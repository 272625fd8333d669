import { expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { Service } from "dagwright/service";
import { postgresStore } from "dagwright/store";
import { withPostgres } from "../../support/postgres.js";
import { interceptQueries } from "../../support/queries.js";
import { until } from "../../support/waiting.js";

await withPostgres((server) => {
  it("A service with nothing to do asks Postgres for runs and schedules in one query, outside of transactions", async () => {
    await server.empty();
    const store = postgresStore(server.url);
    const dag = new Dag<any>("idle");
    dag.node("a", (x: number) => x + 1);
    const service = new Service({ store, workflows: [dag], pollInterval: 5 });
    await service.start();
    expect((await (await service.submit(dag, { inputs: { x: 1 } })).result()).value).toBe(2);
    await service.submit(dag, { inputs: { x: 1 }, delay: 1e9 });
    const texts: string[] = [];
    interceptQueries(({ text, send }) => (texts.push(text), send()));
    // A few more follow what was just done.
    await until(() => texts.length > 20);
    const looks = texts.slice(-10);
    vi.restoreAllMocks();
    await service.close();
    await store.close();
    expect(looks.every((text) => /^\s*select\b/u.test(text))).toBe(true);
    expect(new Set(looks.map((text) => text.slice(0, 30))).size).toBe(1);
  });
});
