import { expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { Service } from "dagwright/service";
import { postgresStore } from "dagwright/store";
import { withPostgres } from "../../support/postgres.js";
import { interceptQueries } from "../../support/queries.js";

const RUNS = 300;

await withPostgres((server) => {
  it(`A service makes fewer than two statements for each of ${RUNS} runs, from their submission to their results`, async () => {
    await server.empty();
    const store = postgresStore(server.url);
    const dag = new Dag<any>("add");
    dag.node("sum", (x: number) => x + 1);
    const service = new Service({ store, workflows: [dag], concurrency: 50 });
    await service.start();
    let statements = 0;
    interceptQueries(({ send }) => (statements++, send()));
    const submit = async (x: number) => (await service.submit(dag, { inputs: { x } })).result();
    const results = await Promise.all(Array.from({ length: RUNS }, (_, x) => submit(x)));
    vi.restoreAllMocks();
    await service.close();
    await store.close();
    expect(results.map(({ value }) => value)).toEqual(Array.from({ length: RUNS }, (_, x) => x + 1));
    // On a busy machine, runs end in smaller groups. One by one, each would make more than ten.
    expect(statements).toBeLessThan(2 * RUNS);
  });
});
