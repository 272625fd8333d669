import { Dag, type Context } from "dagwright";
import { Service } from "dagwright/service";
import { sqliteStore, type SqlStore } from "dagwright/store";
import { virtualTime } from "dagwright/testing";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { withPostgres } from "../support/postgres.js";
import { postgresSubject, sqliteSubject, type OpenSubject } from "../support/store-subjects.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = new Date("2026-01-01T00:00:00Z");

/** A workflow that notes when it runs, and then waits. */
function noting(delay?: number) {
  const times: string[] = [];
  const dag = new Dag("noting");
  const first = dag.node("first", () => void times.push(new Date().toISOString()));
  if (delay !== undefined)
    dag.node("later", { after: [first], delay }, () => void times.push(new Date().toISOString()));
  return { dag, times };
}

function virtualServices(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Virtual time of a service on ${name}`, async () => {
    const subject = await connect();
    beforeEach(() => subject.reset());
    afterAll(() => subject.close());

    it("fires schedules of months at their times, by the clock of their zone", async () => {
      await using time = virtualTime({ now: START });
      await using store = subject.open() as SqlStore;
      const { dag, times } = noting();
      const service = new Service({ store, workflows: [dag] });
      await service.start();
      await service.schedule("weekly", dag, { cron: "0 3 * * MON", timezone: "Europe/Berlin" });
      await time.advance(120 * DAY);
      expect(times).toHaveLength(17);
      expect([times[0], times[16]]).toEqual(["2026-01-05T02:00:00.000Z", "2026-04-27T01:00:00.000Z"]);
      const { runs } = await service.list({ status: "completed" });
      expect(runs[0]).toMatchObject({ runId: "weekly@2026-04-27T01:00:00.000Z", createdAt: Date.parse(times[16]) });
      await service.stop();
    });

    it("ends delays of submissions, and waits of runs at rest", async () => {
      await using time = virtualTime({ now: START });
      await using store = subject.open() as SqlStore;
      const { dag, times } = noting(30 * DAY);
      const service = new Service({ store, workflows: [dag] });
      await service.start();
      const run = await service.submit(dag, { delay: 2 * HOUR });
      await time.advance(2 * HOUR - 1);
      expect(times).toEqual([]);
      await time.advance(1);
      expect(times).toEqual(["2026-01-01T02:00:00.000Z"]);
      expect(await service.get(run.runId)).toMatchObject({ status: "waiting" });
      expect(await time.until(run.result())).toMatchObject({ status: "completed" });
      expect(times[1]).toBe("2026-01-31T02:00:00.000Z");
      await service.stop();
    });

    it("keeps the leases of a driver, whose node takes a year, from others", async () => {
      await using time = virtualTime({ now: START });
      await using store = subject.open({ lease: DAY }) as SqlStore;
      await using other = subject.open({ lease: DAY }) as SqlStore;
      const calls: number[] = [];
      const dag = new Dag("long");
      dag.node("sleep", async (ctx: Context) => {
        calls.push(ctx.attempt);
        await new Promise((resolve) => setTimeout(resolve, 24 * DAY));
      });
      const services = [store, other].map((each) => new Service({ store: each, workflows: [dag] }));
      for (const service of services) await service.start();
      const run = await services[0].submit(dag);
      expect(await time.until(run.result())).toMatchObject({ status: "completed" });
      expect(calls).toEqual([1]);
      // A service hears of what another one drove by a notice of the server, or else when it polls.
      expect(time.now() - START.getTime()).toBeGreaterThanOrEqual(24 * DAY);
      expect(time.now() - START.getTime()).toBeLessThan(24 * DAY + HOUR);
      for (const service of services) await service.stop();
    });

    it("lets the lease of a driver that is gone end, and another take over right then", async () => {
      await using time = virtualTime({ now: START });
      await using store = subject.open() as SqlStore;
      const { dag, times } = noting();
      const run = dag.start({ runId: "lost", store: subject.open({ lease: HOUR }) });
      await time.until(run.result);
      await subject.execute(
        `update runs set status = 'running', owner = 'elsewhere/1/0-0/x', lease_expires_at = ${START.getTime() + HOUR}`,
      );
      await subject.execute(`delete from node_executions`);
      const service = new Service({ store, workflows: [dag] });
      await service.start();
      await time.advance(DAY);
      expect(times).toEqual([START.toISOString(), "2026-01-01T01:00:00.001Z"]);
      await service.stop();
    });
  });
}

it("Virtual time passes a year of a service's daily schedule, and fires each day once", async () => {
  await using time = virtualTime({ now: START });
  await using store = sqliteStore(":memory:");
  const { dag, times } = noting();
  const service = new Service({ store, workflows: [dag] });
  await service.start();
  await service.schedule("daily", dag, { cron: "0 3 * * *" });
  await time.advance(365 * DAY);
  const days = Array.from({ length: 365 }, (_, day) => new Date(START.getTime() + day * DAY + 3 * HOUR).toISOString());
  expect(times).toEqual(days);
  await service.stop();
});

virtualServices("SQLite", sqliteSubject);
await withPostgres((server) => virtualServices("Postgres", postgresSubject(server)));
