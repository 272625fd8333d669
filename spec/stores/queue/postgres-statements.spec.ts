import { expect, it, vi } from "vitest";
import { Dag, Fsm, stop, waitForEvent } from "dagwright";
import { Client, Service } from "dagwright/service";
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

  for (const [what, knows, count] of [
    ["that has its workflow makes one to look it up, and one", true, 2],
    ["that does not makes one", false, 1],
  ] as const) {
    it(`A client ${what} to send a run at rest an event that it waits for, once, whoever else sends some`, async () => {
      await server.empty();
      const store = postgresStore(server.url);
      const dag = new Dag("payment");
      dag.event("PAID");
      dag.event("SENT", { needs: ["PAID"] });
      const fsm = new Fsm("order");
      fsm.state("open", { initial: true }, () => waitForEvent({ PAID: "paid" }));
      fsm.state("paid", (of: unknown) => stop(of));
      for (const workflow of [dag, fsm] as (Dag | Fsm)[]) {
        const client = new Client({ store, ...(knows ? { workflows: [workflow] } : {}) });
        for (const runId of ["plain", "keyed", "crowded"].map((name) => `${workflow.name}-${name}`)) {
          await using driving = postgresStore(server.url);
          await workflow.run({ store: driving, runId, detach: true });
          // It looks for events that came meanwhile.
          await driving.close();
          const statements: string[] = [];
          interceptQueries(({ text, send }) => (text.includes("pg_notify") || statements.push(text), send()));
          const key = runId.endsWith("keyed") ? "k" : undefined;
          await client.send(runId, "PAID", 1, { key });
          vi.restoreAllMocks();
          expect({ runId, statements }).toEqual({
            runId,
            statements: Array.from({ length: count }, () => expect.any(String)),
          });
          if (key !== undefined) await client.send(runId, "PAID", 2, { key });
          if (runId.endsWith("crowded")) {
            await Promise.all(
              Array.from({ length: 20 }, async (_, i) => client.send(runId, "SENT", i).catch(() => {})),
            );
          }
          const { events } = await store.read(runId);
          expect(events.filter(({ event }) => event === "PAID").map(({ payload }) => payload)).toEqual([1]);
          expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
          await client.send(runId, "SENT", 7).catch(() => {});
          const run = await workflow.resume(runId, { store });
          expect(run.status).toBe("completed");
        }
        await client.close();
      }
      await store.close();
    });
  }

  it("An event for a run that is driven, or waits for another one, is recorded with the run locked", async () => {
    await server.empty();
    const store = postgresStore(server.url);
    const fsm = new Fsm("order");
    fsm.state("open", { initial: true }, () => waitForEvent({ PAID: "paid" }, { after: [3_600_000, "late"] }));
    fsm.state("paid", (of: unknown) => stop(of));
    fsm.state("late", () => stop("late"));
    const client = new Client({ store });
    const handle = fsm.start({ store, runId: "driven" });
    await handle.recorded;
    await client.send("driven", "PAID", "here");
    expect((await handle.result).value).toBe("here");
    await fsm.run({ store, runId: "r", detach: true });
    await client.send("r", '"PAID', "other");
    await client.send("r", "PAI", "other");
    expect((await store.getRun("r"))?.status).toBe("waiting");
    await client.send("r", "PAID", "there");
    expect((await fsm.resume("r", { store })).value).toBe("there");
    for (const runId of ["driven", "nobody"]) {
      await expect(client.send(runId, "PAID")).rejects.toMatchObject({ name: "StoreError" });
    }
    await client.close();
    await store.close();
  });
});
