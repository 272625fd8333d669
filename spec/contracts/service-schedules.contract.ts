import { describe, expect, it, vi } from "vitest";
import { Dag, ValidationError, node, workflow } from "dagwright";
import type { Client } from "dagwright/service";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, until } from "../support/waiting.js";

const HOUR = 3_600_000;

@workflow({ name: "reports" })
class Reports {
  @node report(of: string): string {
    return `of ${of}`;
  }
}

/** The runs of a schedule that services have submitted, by their nominal times. */
async function runsOf(client: Client, schedule: string) {
  const { runs } = await client.list({ limit: 500 });
  const own = runs.filter(({ runId }) => runId.startsWith(`${schedule}@`));
  const found = own.map((run) => ({ time: Date.parse(run.runId.slice(schedule.length + 1)), ...run }));
  return found.sort((a, b) => a.time - b.time);
}

/** The guarantees of schedules on every store. */
export function serviceSchedulesContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Schedules in ${name}`, () => {
    const { another, client, service, execute } = useServices(connect);

    /** Takes a schedule back in time, as if no service had run for so long. */
    const afterOutage = (ms: number) =>
      execute(
        `update schedules set first_at = first_at - ${ms}, next_at = next_at - ${ms}, due_at = due_at - ${ms}, last_at = last_at - ${ms}`,
      );

    it("submit runs at their times, with ids of these, and are never early", async () => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("secondly", Reports, { cron: "* * * * * *", inputs: { of: "now" } });
      await serving.start();
      await until(
        async () => (await runsOf(serving, "secondly")).filter((run) => run.status === "completed").length >= 2,
      );
      const runs = await runsOf(serving, "secondly");
      for (const { runId, time, createdAt } of runs) {
        expect(runId).toBe(`secondly@${new Date(time).toISOString()}`);
        expect(time % 1000).toBe(0);
        expect(createdAt).toBeGreaterThanOrEqual(time);
      }
      expect(await (await serving.get(runs[0].runId))!.result()).toMatchObject({ value: "of now" });
    });

    it("are listed by name, before any service starts", async () => {
      const elsewhere = client({ workflows: [Reports] });
      const at = new Date(Date.now() + HOUR);
      await elsewhere.schedule("single", Reports, { at, inputs: { of: "a" } });
      await elsewhere.schedule("hourly", Reports, { every: HOUR, inputs: { of: "a" } });
      await elsewhere.schedule("daily", "reports", {
        cron: "30 2 * * *",
        timezone: "Europe/Berlin",
        inputs: { of: "a" },
      });
      const [daily, hourly, single] = await client().schedules();
      expect(daily).toMatchObject({
        name: "daily",
        workflow: "reports",
        cron: "30 2 * * *",
        timezone: "Europe/Berlin",
      });
      expect(daily).toMatchObject({ last: undefined, paused: false });
      expect(daily.next!.getTime()).toBeGreaterThan(Date.now());
      expect(hourly).toMatchObject({ name: "hourly", every: HOUR, last: undefined });
      expect(single).toMatchObject({
        name: "single",
        workflow: "reports",
        at,
        next: at,
        last: undefined,
        paused: false,
      });
    });

    it("stay as they are when they are scheduled again, and are replaced by another definition", async () => {
      const elsewhere = client({ workflows: [Reports] });
      await elsewhere.schedule("hourly", Reports, { every: HOUR, inputs: { of: "a" } });
      const [first] = await elsewhere.schedules();
      await afterOutage(HOUR / 2);
      await elsewhere.schedule("hourly", Reports, { every: HOUR, inputs: { of: "a" } });
      expect((await elsewhere.schedules())[0].next).toEqual(new Date(first.next!.getTime() - HOUR / 2));
      await elsewhere.schedule("hourly", Reports, { every: 2 * HOUR, inputs: { of: "a" } });
      const second = (await elsewhere.schedules())[0];
      expect(second.every).toBe(2 * HOUR);
      // It still counts from when it was first scheduled.
      expect(second.next).toEqual(new Date(first.next!.getTime() + HOUR / 2));
    });

    it("make up for what was missed also when their inputs are replaced meanwhile", async () => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("hourly", Reports, { every: HOUR, inputs: { of: "old" } });
      await afterOutage(HOUR);
      await serving.schedule("hourly", Reports, { every: HOUR, inputs: { of: "new" } });
      await serving.start();
      await until(async () => (await runsOf(serving, "hourly")).length === 1);
      const [{ runId }] = await runsOf(serving, "hourly");
      expect(await (await serving.get(runId))!.result()).toMatchObject({ value: "of new" });
    });

    it.each([
      ["none", 0],
      ["latest", 1],
      ["all", 5],
    ] as const)("make up for %s of what was missed while no service ran", async (catchUp, expected) => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("hourly", Reports, { every: HOUR, catchUp, inputs: { of: "a" } });
      const [{ next }] = await serving.schedules();
      await afterOutage(5 * HOUR + HOUR / 2);
      await serving.start();
      await until(async () => (await serving.schedules())[0].next!.getTime() > Date.now());
      await until(async () => (await runsOf(serving, "hourly")).every(({ status }) => status === "completed"));
      const missed = [5, 4, 3, 2, 1].map((hours) => next!.getTime() - HOUR / 2 - hours * HOUR);
      expect((await runsOf(serving, "hourly")).map(({ time }) => time)).toEqual(missed.slice(5 - expected));
      expect((await serving.schedules())[0].last?.getTime()).toBe(expected === 0 ? undefined : missed[4]);
    });

    it("make up for a hundred at most", async () => {
      const serving = service({ workflows: [Reports], concurrency: 100 });
      const inputs = { of: "a" };
      await serving.schedule("hourly", Reports, { every: HOUR, catchUp: "all", overlap: "allow", inputs });
      await afterOutage(1000 * HOUR);
      await serving.start();
      await until(async () => (await serving.schedules())[0].next!.getTime() > Date.now());
      expect(await runsOf(serving, "hourly")).toHaveLength(100);
    });

    it("fire a single time once, also one that has passed, and also when it is scheduled again", async () => {
      const serving = service({ workflows: [Reports] });
      const at = new Date(Date.now() - HOUR);
      const options = { at, inputs: { of: "a" } };
      await serving.schedule("single", Reports, options);
      await serving.start();
      const runId = `single@${at.toISOString()}`;
      await until(async () => (await serving.get(runId))?.status === "completed");
      await serving.schedule("single", Reports, options);
      expect((await serving.schedules())[0]).toMatchObject({ next: undefined, last: at });
      await serving.schedule("single", Reports, { ...options, overlap: "allow" });
      expect(await runsOf(serving, "single")).toHaveLength(1);
    });

    it("do not fire while they are paused, nor make up for that time", async () => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("hourly", Reports, { every: HOUR, catchUp: "all", inputs: { of: "a" } });
      await serving.pauseSchedule("hourly");
      await serving.pauseSchedule("hourly");
      expect((await serving.schedules())[0]).toMatchObject({ paused: true, next: undefined });
      await afterOutage(3 * HOUR + HOUR / 2);
      await serving.start();
      await serving.resumeSchedule("hourly");
      await serving.resumeSchedule("hourly");
      const [resumed] = await serving.schedules();
      expect(resumed.paused).toBe(false);
      expect(resumed.next!.getTime()).toBeGreaterThan(Date.now());
      await serving.schedule("sentinel", Reports, { at: 0, inputs: { of: "a" } });
      await until(async () => (await runsOf(serving, "sentinel")).length === 1);
      expect(await runsOf(serving, "hourly")).toEqual([]);
    });

    it("keep being paused when they are replaced", async () => {
      const elsewhere = client();
      await elsewhere.schedule("hourly", "reports", { every: HOUR });
      await elsewhere.pauseSchedule("hourly");
      await elsewhere.schedule("hourly", "reports", { every: 2 * HOUR });
      expect((await elsewhere.schedules())[0]).toMatchObject({ every: 2 * HOUR, paused: true, next: undefined });
    });

    it("submit a run when they are triggered, each time another one, and keep their next time", async () => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("hourly", Reports, { every: HOUR, inputs: { of: "a" } });
      await serving.pauseSchedule("hourly");
      await serving.start();
      const elsewhere = client();
      const runs = await Promise.all([1, 2, 3].map(() => elsewhere.trigger("hourly")));
      expect(new Set(runs.map(({ runId }) => runId)).size).toBe(3);
      for (const run of runs) expect(await run.result()).toMatchObject({ status: "completed", value: "of a" });
      expect((await serving.schedules())[0]).toMatchObject({ paused: true, last: undefined });
    });

    it("end when they are removed, and their runs stay", async () => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("hourly", Reports, { every: HOUR, inputs: { of: "a" } });
      const { runId } = await serving.trigger("hourly");
      await serving.unschedule("hourly");
      expect(await serving.schedules()).toEqual([]);
      expect(await serving.get(runId)).toBeDefined();
      for (const verb of ["unschedule", "pauseSchedule", "resumeSchedule", "trigger"] as const) {
        const error = await failure(serving[verb]("hourly"));
        expect(error).toMatchObject({ name: "StoreError", code: "NOT_FOUND" });
        expect(error.message).toMatch(/There is no schedule "hourly"/u);
      }
    });

    it("are refused with what is wrong, and nothing is recorded", async () => {
      const serving = service({ workflows: [Reports] });
      const refused = (options: any, workflow: object | string = Reports) =>
        failure(serving.schedule("nightly", workflow, { inputs: { of: "a" }, ...options }));
      expect((await refused({ cron: "0 25 * * *" })).message).toMatch(
        /"cron" of schedule "nightly" .*hour, "25" in field 2/u,
      );
      expect((await refused({ cron: "0 3 * * *", timezone: "Moon" })).message).toMatch(
        /"timezone" of schedule "nightly"/u,
      );
      expect((await refused({})).message).toMatch(
        /schedule "nightly" needs one of "cron", "every" and "at", and has none/u,
      );
      expect((await refused({ every: 1, at: 0 })).message).toMatch(/and has several/u);
      expect((await refused({ every: 1, timezone: "UTC" })).message).toMatch(/belongs to "cron"/u);
      expect((await refused({ every: 0.5 })).message).toMatch(/"every" of schedule "nightly" must be a whole number/u);
      expect((await refused({ every: 1, overlap: "never" })).message).toMatch(
        /"overlap" of schedule "nightly" must be one of/u,
      );
      expect((await refused({ every: 1, cronn: 1 })).message).toMatch(/Unknown option "cronn" of schedule "nightly"/u);
      expect(await refused({ every: 1 }, "unknown")).toBeInstanceOf(ValidationError);
      expect((await refused({ every: 1, inputs: {} })).code).toBe("MISSING_INPUT");
      expect((await failure(serving.schedule("x".repeat(500), Reports, { every: 1, inputs: { of: "a" } }))).code).toBe(
        "UNSTORABLE",
      );
      expect(await serving.schedules()).toEqual([]);
    });

    it("go by the clock of the database, whatever that of the process", async () => {
      const serving = service({ workflows: [Reports] });
      await serving.schedule("soon", Reports, { at: Date.now() + 300_000, inputs: { of: "a" } });
      const { now } = Date;
      const ahead = vi.spyOn(Date, "now").mockImplementation(() => now() + 600_000);
      try {
        await serving.start();
        await serving.schedule("sentinel", Reports, { at: 0, inputs: { of: "a" } });
        await until(async () => (await runsOf(serving, "sentinel")).length === 1);
        expect(await runsOf(serving, "soon")).toEqual([]);
      } finally {
        ahead.mockRestore();
      }
    });

    it("do not hold up others when they can't be read", async () => {
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const serving = service({ workflows: [Reports] });
      await serving.schedule("damaged", Reports, { at: 0, inputs: { of: "a" } });
      await execute(`update schedules set definition = '{' where name = 'damaged'`);
      await serving.schedule("whole", Reports, { at: 1, inputs: { of: "a" } });
      await serving.start();
      await until(async () => (await runsOf(serving, "whole")).length === 1);
      await until(() => warned.mock.calls.length > 0);
      expect(warned.mock.calls[0][0]).toMatch(/The schedule "damaged" can't be read: .*\. Schedule it again\./u);
      warned.mockRestore();
      const [damaged, whole] = await serving.schedules();
      expect(damaged).toMatchObject({ name: "damaged", workflow: "reports", error: { code: "STORE" } });
      expect(damaged.error?.message).toMatch(/The schedule "damaged" can't be read.*Schedule it again/u);
      expect(damaged).not.toHaveProperty("at");
      expect(whole).toMatchObject({ name: "whole", at: new Date(1), error: undefined });
      await serving.pauseSchedule("damaged");
      expect((await serving.schedules())[0]).toMatchObject({ paused: true, next: undefined });
      expect(await failure(serving.resumeSchedule("damaged"))).toMatchObject({ code: "STORE" });
      await serving.unschedule("damaged");
      await serving.schedule("damaged", Reports, { at: 0, inputs: { of: "a" } });
      await until(async () => (await runsOf(serving, "damaged")).length === 1);
    });

    it("tell of a run that has the id of theirs, in whose place none is submitted", async () => {
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const serving = service({ workflows: [Reports] });
      const runId = `single@${new Date(0).toISOString()}`;
      await client().submit("other", { runId });
      await serving.schedule("single", Reports, { at: 0, inputs: { of: "a" } });
      await serving.start();
      await until(() => warned.mock.calls.length > 0);
      const message = expect.stringContaining(`another one with the id "${runId}"`);
      expect(warned.mock.calls).toEqual([[message, "DagwrightScheduleWarning"]]);
      warned.mockRestore();
    });

    it("fire each time exactly once when several services share them", async () => {
      const ran: string[] = [];
      const ticks = () => {
        const dag = new Dag<any>("ticks");
        dag.node("tick", (ctx: { runId: string }) => void ran.push(ctx.runId));
        return dag;
      };
      const services = [1, 2, 3].map(() => service({ workflows: [ticks()], store: another() }));
      const options = { every: 20, overlap: "allow", catchUp: "all" } as const;
      await Promise.all(services.map((each) => each.start()));
      await Promise.all(services.map((each) => each.schedule("often", "ticks", options)));
      await until(() => ran.length >= 60);
      await services[0].unschedule("often");
      await until(async () => (await runsOf(services[0], "often")).every(({ status }) => status === "completed"));
      const times = (await runsOf(services[0], "often")).map(({ time }) => time);
      expect(times).toEqual(times.map((_, i) => times[0] + i * 20));
      expect(ran.length).toBe(times.length);
      expect(new Set(ran).size).toBe(times.length);
    });
  });
}
