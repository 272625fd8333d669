import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Dag } from "dagwright";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, never, until } from "../support/waiting.js";

/** The columns of a run whose lease has expired, and that another process has taken over since. */
const LOST = "lease_expires_at = 0, fencing_token = fencing_token + 1";

/** The guarantees of services on every store for runs that they lose between claim and end. */
export function serviceReservingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`A run in ${name} that a service has claimed`, () => {
    const { another, client, service, count, execute } = useServices(connect);

    it("is begun only as long as it is reserved, so that it stays paused, and its rate counts it", async () => {
      const { opened, open } = gate();
      let checks = 0;
      const size = z.number().refine(async () => (checks++, await opened, true));
      const dag = new Dag("rated", { inputs: { size } });
      dag.node("a", (size: number) => size);
      const plain = new Dag("plain");
      plain.node("a", () => 1);
      const store = another({ lease: 300 });
      const rate = { rated: { limit: 5, interval: 3_600_000 } };
      const serving = service({ store, workflows: [dag, plain], rate, concurrency: 1 });
      await serving.start();
      const run = await client().submit("rated", { inputs: { size: 1 } });
      await until(() => checks > 0);
      // Another process has claimed it since, and paused it.
      await execute(`update runs set status = 'paused', owner = null, ${LOST}`);
      await until(async () => (await store.read(run.runId)).status === "paused");
      const next = await serving.submit("plain");
      open();
      await next.result();
      expect(await serving.get(run.runId)).toMatchObject({ status: "paused" });
      expect(await count("starts")).toBe(0);
      await serving.resume(run);
      expect((await run.result()).value).toBe(1);
      expect(await count("starts")).toBe(1);
    });

    it("is cancelled or paused at once while its inputs are checked", async () => {
      const { opened, open } = gate();
      let checks = 0;
      const size = z.number().refine(async () => (checks++, await opened, true));
      const dag = new Dag("checked", { inputs: { size } });
      dag.node("a", (size: number) => size);
      const serving = service({ workflows: [dag] });
      await serving.start();
      const acting = client();
      const cancelled = await acting.submit("checked", { inputs: { size: 1 } });
      await until(() => checks > 0);
      await acting.cancel(cancelled, "too late");
      expect(await failure(cancelled.result())).toMatchObject({ code: "CANCELLED" });
      const known = checks;
      const paused = await acting.submit("checked", { inputs: { size: 2 } });
      await until(() => checks > known);
      await acting.pause(paused);
      await until(async () => (await acting.get(paused.runId))?.status === "paused");
      open();
      await acting.resume(paused);
      expect((await paused.result()).value).toBe(2);
      expect(await acting.get(cancelled.runId)).toMatchObject({ status: "cancelled" });
    });

    it("goes on after its store has noticed that another service on it has lost the run", async () => {
      let calls = 0;
      const dag = new Dag("long");
      dag.node("a", () => (++calls === 1 ? never() : calls));
      const store = another({ lease: 900 });
      await service({ store, workflows: [dag], concurrency: 1 }).start();
      const run = await client().submit("long");
      await until(() => calls === 1);
      const other = service({ store, workflows: [dag] });
      await other.start();
      // Another process takes it over, and dies.
      await execute(`update runs set owner = 'another/1/2-3/4', ${LOST}`);
      expect((await run.result()).value).toBe(2);
    });
  });
}
