import { describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { gate, until } from "../support/waiting.js";

const HOUR = 3_600_000;

/** What schedules do on every store about a time that comes while an earlier run is unfinished. */
export function serviceOverlapContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Overlapping runs of schedules in ${name}`, () => {
    const { client, service, execute } = useServices(connect);

    /** Lets the next time of the schedule come: a time of the last minute, each a second after the one before. */
    function hours() {
      let shift = HOUR + 60_000;
      return async () => {
        const statement = `update schedules set first_at = first_at - ${shift}, next_at = next_at - ${shift}, due_at = due_at - ${shift}`;
        await execute(statement);
        shift = HOUR - 1000;
      };
    }

    /** A workflow whose runs end when they are let go, in the order in which they began. */
    function held() {
      const runs: { readonly id: string; readonly end: () => void }[] = [];
      const dag = new Dag<any>("held");
      dag.node("hold", async (ctx: { runId: string; signal: AbortSignal }) => {
        const { opened, open } = gate();
        runs.push({ id: ctx.runId, end: open });
        ctx.signal.addEventListener("abort", open);
        await opened;
      });
      return { dag, runs };
    }

    const watcher = () => client();
    type Watcher = ReturnType<typeof watcher>;
    const lastOf = async (watching: Watcher) => (await watching.schedules())[0].last?.getTime();
    const isDecided = (watching: Watcher) => async () => {
      const [{ next }] = await watching.schedules();
      return next!.getTime() > Date.now();
    };
    const statuses = async (watching: Watcher) => {
      const { runs } = await watching.list();
      return runs
        .map(({ runId, status }) => [runId, status] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, s]) => s);
    };

    it("are left out under skip, until the earlier one is over", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await serving.schedule("hourly", dag, { every: HOUR });
      await nextHour();
      await until(() => runs.length === 1);
      const first = await lastOf(serving);
      await nextHour();
      await until(isDecided(serving));
      expect(await lastOf(serving)).toBe(first);
      runs[0].end();
      await until(async () => (await serving.get(runs[0].id))?.status === "completed");
      await nextHour();
      await until(() => runs.length === 2);
      runs[1].end();
      expect(await statuses(serving)).toHaveLength(2);
    });

    it("begin at once when they are triggered, and count as earlier ones for the times that follow", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await serving.schedule("hourly", dag, { every: HOUR });
      await serving.trigger("hourly");
      const second = await serving.trigger("hourly");
      await until(() => runs.length === 2);
      await nextHour();
      await until(isDecided(serving));
      for (const { end } of runs) end();
      await second.result();
      expect(await statuses(serving)).toHaveLength(2);
    });

    it("begin one after another under queue", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await serving.schedule("hourly", dag, { every: HOUR, overlap: "queue" });
      for (let i = 1; i <= 3; i++) {
        await nextHour();
        await until(async () => (await statuses(serving)).length === i);
      }
      await until(() => runs.length === 1);
      for (let i = 0; i < 3; i++) {
        await until(() => runs.length === i + 1);
        expect((await statuses(serving)).filter((status) => status === "running")).toHaveLength(1);
        runs[i].end();
      }
      await until(async () => (await statuses(serving)).every((status) => status === "completed"));
      expect(runs.map(({ id }) => id)).toEqual(runs.map(({ id }) => id).sort());
    });

    it("wait under queue also after they were paused and resumed", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await serving.schedule("hourly", dag, { every: HOUR, overlap: "queue" });
      await nextHour();
      await until(() => runs.length === 1);
      await nextHour();
      await until(async () => (await statuses(serving)).length === 2);
      const [second] = (await serving.list({ status: "queued" })).runs;
      await serving.pause(second.runId);
      await serving.resume(second.runId);
      // Would begin after it, if it could.
      await serving.submit(dag, { priority: "low" });
      await until(() => runs.length === 2);
      expect(runs[1].id).not.toBe(second.runId);
      runs[0].end();
      await until(() => runs.length === 3);
      expect(runs[2].id).toBe(second.runId);
      for (const run of runs) run.end();
    });

    it("wait under queue for one that another service drives, also after the schedule was removed", async () => {
      const nextHour = hours();
      const [one, other] = [held(), held()];
      const driving = service({ workflows: [one.dag] });
      await driving.start();
      await driving.schedule("hourly", one.dag, { every: HOUR, overlap: "queue" });
      await nextHour();
      await until(() => one.runs.length === 1);
      await nextHour();
      await until(async () => (await statuses(driving)).length === 2);
      await driving.unschedule("hourly");
      const stopping = driving.stop();
      await service({ workflows: [other.dag] }).start();
      expect(other.runs).toEqual([]);
      one.runs[0].end();
      await stopping;
      await until(() => other.runs.length === 1);
      other.runs[0].end();
    });

    it("begin at once under allow", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await serving.schedule("hourly", dag, { every: HOUR, overlap: "allow" });
      for (let i = 1; i <= 3; i++) {
        await nextHour();
        await until(() => runs.length === i);
      }
      for (const run of runs) run.end();
    });

    it("cancel the earlier ones under cancel, and begin when these are over", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      const watching = watcher();
      await watching.schedule("hourly", "held", { every: HOUR, overlap: "cancel" });
      await nextHour();
      await serving.start();
      await until(() => runs.length === 1);
      await nextHour();
      await until(() => runs.length === 2);
      expect(await statuses(watching)).toEqual(["cancelled", "running"]);
      runs[1].end();
    });

    it("cancel under cancel those that nobody drives, too", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const watching = watcher();
      await watching.schedule("hourly", "held", { every: HOUR, overlap: "cancel" });
      const { runId } = await watching.trigger("hourly");
      await nextHour();
      const another = new Dag<any>("another");
      another.node("a", () => 1);
      const elsewhere = service({ workflows: [another] });
      await elsewhere.start();
      await until(async () => (await watching.get(runId))?.status === "cancelled");
      await elsewhere.stop();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await until(() => runs.length === 1);
      // The scheduled time is the earlier one.
      expect(await statuses(watching)).toEqual(["running", "cancelled"]);
      runs[0].end();
    });

    it("follow one another when all that was missed is made up for, under skip as well", async () => {
      const nextHour = hours();
      const { dag, runs } = held();
      const serving = service({ workflows: [dag] });
      await serving.schedule("hourly", dag, { every: HOUR, catchUp: "all" });
      for (let i = 0; i < 3; i++) await nextHour();
      await serving.start();
      for (let i = 0; i < 3; i++) {
        await until(() => runs.length === i + 1);
        expect((await statuses(serving)).filter((status) => status === "running")).toHaveLength(1);
        runs[i].end();
      }
      await until(async () => (await statuses(serving)).every((status) => status === "completed"));
      expect(await statuses(serving)).toHaveLength(3);
    });
  });
}
