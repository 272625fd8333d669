import { Queue, QueueKeys } from "bullmq";
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { Dag, Fsm, waitForEvent, type Context } from "dagwright";
import { bullmq } from "dagwright/bullmq";
import { redisSubject, withRedis } from "../support/bullmq.js";
import { useServices } from "../support/services.js";
import { gate, sleep, until } from "../support/waiting.js";

await withRedis((server) => {
  describe("Tickets in BullMQ", () => {
    let prefix = "";
    const subject = redisSubject({ ...server, prefix: () => (prefix = server.prefix()) });
    const { client, service, another, rows } = useServices(subject);
    const open: Queue[] = [];
    afterEach(async () => {
      await Promise.all(open.splice(0).map((queue) => queue.close()));
    });
    /** The queue as BullMQ's own tools see it. */
    const queueOf = (workflow: string, part: "begin" | "continue" = "begin") => {
      const { hostname: host, port } = new URL(server.url);
      const queue = new Queue(`dagwright.${part}.${workflow}`, { connection: { host, port: Number(port) }, prefix });
      open.push(queue);
      return queue;
    };
    const doubled = () => {
      const dag = new Dag("orders");
      dag.node("double", (of: number) => of * 2);
      return dag;
    };
    const rarely = () => bullmq({ connection: server.url, prefix, repairInterval: 600_000 });

    it("are one for each run, however often they are written, and go when it has been claimed", async () => {
      const dag = doubled();
      const store = another();
      const clients = [client({ store, workflows: [dag] }), client({ store, workflows: [dag] })];
      const run = await clients[0].submit(dag, { inputs: { of: 1 }, runId: "a" });
      await clients[1].submit(dag, { inputs: { of: 2 }, runId: "b", delay: 3_600_000 });
      const queue = queueOf("orders");
      await until(async () => (await queue.count()) === 2);
      const [job] = await queue.getJobs(["prioritized"]);
      expect([job.name, job.data.runId]).toEqual(["a", "a"]);
      const [delayed] = await queue.getJobs(["delayed"]);
      expect(delayed.name).toBe("b");
      expect(delayed.delay).toBeGreaterThan(3_500_000);
      await service({ workflows: [dag] }).start();
      expect((await run.result()).value).toBe(2);
      await until(async () => (await queue.getJobCounts()).active === 0);
      expect(await queue.getJobCounts("prioritized", "waiting", "completed", "failed", "delayed")).toEqual({
        prioritized: 0,
        waiting: 0,
        completed: 0,
        failed: 0,
        delayed: 1,
      });
    });

    it("are of runs and workflows of any name", async () => {
      const names = ["a:b", "0:1", "17", "🜁 ~due", "a/b?c#d", "__proto__"];
      const dags = names.map((name) => {
        const dag = new Dag(name);
        dag.node("id", { params: ["ctx"] }, (ctx: Context) => ctx.runId);
        return dag;
      });
      await service({ workflows: dags }).start();
      const submitting = client();
      for (const dag of dags) {
        const runs = await Promise.all(
          names.map((runId) => submitting.submit(dag, { runId: `${runId}${dag.name === names[0] ? "" : dag.name}` })),
        );
        const results = await Promise.all(runs.map((run) => run.result()));
        expect(results.map(({ value }) => value)).toEqual(runs.map(({ runId }) => runId));
      }
    });

    it("of runs that are over are dropped", async () => {
      const dag = doubled();
      const submitting = client({ workflows: [dag] });
      const queue = queueOf("orders");
      await submitting.submit(dag, { inputs: { of: 1 }, runId: "cancelled" });
      await submitting.submit(dag, { inputs: { of: 1 }, runId: "deleted" });
      await until(async () => (await queue.count()) === 2);
      await submitting.cancel("cancelled");
      await submitting.delete("deleted");
      await service({ workflows: [dag] }).start();
      await until(async () => (await queue.count()) === 0);
      expect((await submitting.get("cancelled"))?.status).toBe("cancelled");
    });

    it("for a time go when an event continues the run before it", async () => {
      const fsm = new Fsm("parcel");
      fsm.state("open", { initial: true, to: ["done"] }, () =>
        waitForEvent({ DONE: "done" }, { after: [3_600_000, "done"] }),
      );
      fsm.state("done", { terminal: true }, () => 1);
      const serving = service({ workflows: [fsm] });
      await serving.start();
      const run = await serving.submit(fsm);
      const queue = queueOf("parcel", "continue");
      await until(async () => (await queue.getJobCounts()).delayed === 1);
      await serving.send(run, "DONE");
      await run.result();
      await until(async () => (await queue.count()) === 0);
    });

    it("of a workflow that is at its limit are left alone, and others go on", async () => {
      const { opened, open: letGo } = gate();
      const limited = new Dag("limited");
      limited.node("a", () => opened);
      const dag = doubled();
      const serving = service({ workflows: [limited, dag], limits: { limited: 1 }, concurrency: 5, pollInterval: 5 });
      await serving.start();
      const runs = await Promise.all(Array.from({ length: 20 }, () => serving.submit(limited)));
      await until(async () => (await serving.health()).running === 1);
      for (let of = 0; of < 20; of++) await (await serving.submit(dag, { inputs: { of } })).result();
      await sleep(1000);
      const jobs = await queueOf("limited").getJobs(["prioritized"]);
      expect(jobs).toHaveLength(19);
      // Twice a second, five at a time: whatever else happens.
      expect(jobs.reduce((sum, { attemptsStarted }) => sum + attemptsStarted, 0)).toBeLessThan(60);
      letGo();
      await Promise.all(runs.map((run) => run.result()));
    });

    it("of runs that need another version are left alone longer each time, until somebody has it", async () => {
      const old = doubled();
      const current = doubled();
      current.node("again", { needs: ["double"] }, (double: number) => double * 2);
      const serving = service({ workflows: [current], pollInterval: 5 });
      await serving.start();
      const run = await client({ workflows: [old] }).submit(old, { inputs: { of: 1 } });
      await sleep(1000);
      const [job] = await queueOf("orders").getJobs(["delayed", "prioritized"]);
      expect(job.attemptsStarted).toBeGreaterThan(1);
      expect(job.attemptsStarted).toBeLessThan(6);
      await service({ workflows: [current], versions: [old] }).start();
      expect((await run.result()).value).toBe(2);
    });

    it("are passed on by a service without a free slot", async () => {
      const { opened, open: letGo } = gate();
      const dag = new Dag("orders");
      const places: string[] = [];
      const at = (place: string) => {
        const own = new Dag("orders");
        own.node("a", () => (places.push(place), opened));
        return own;
      };
      dag.node("a", () => opened);
      await service({ workflows: [at("first")], concurrency: 1, queue: rarely() }).start();
      const submitting = client({ workflows: [dag] });
      const runs = [await submitting.submit(dag)];
      await until(() => places.length === 1);
      await service({ workflows: [at("second")], concurrency: 1, queue: rarely() }).start();
      runs.push(await submitting.submit(dag));
      await until(() => places.length === 2);
      expect(places.sort()).toEqual(["first", "second"]);
      letGo();
      await Promise.all(runs.map((run) => run.result()));
    });

    it("come back when their service has died before it claimed the run", async () => {
      const dag = doubled();
      const run = await client({ workflows: [dag] }).submit(dag, { inputs: { of: 1 } });
      const queue = queueOf("orders");
      await until(async () => (await queue.count()) === 1);
      // As a service takes it, a moment before it is killed.
      const taking = new Queue("dagwright.begin.orders", {
        connection: { host: new URL(server.url).hostname, port: Number(new URL(server.url).port) },
        prefix,
        lockDuration: 1000,
      } as ConstructorParameters<typeof Queue>[1]);
      open.push(taking);
      await taking.getBackend().moveToActive("dead");
      expect((await queue.getJobCounts()).active).toBe(1);
      await service({
        workflows: [dag],
        queue: bullmq({ connection: server.url, prefix, repairInterval: 300 }),
      }).start();
      expect((await run.result()).value).toBe(2);
      expect(await rows("select status from runs")).toEqual([{ status: "completed" }]);
    });

    it("are found again from the store when Redis has lost them, and those of clients without this queue, too", async () => {
      const dag = doubled();
      const redis = new Redis(server.url);
      const often = () => bullmq({ connection: server.url, prefix, repairInterval: 200 });
      const serving = service({ workflows: [dag], queue: often() });
      await serving.start();
      const later = await serving.submit(dag, { inputs: { of: 1 }, delay: 500 });
      await until(async () => (await queueOf("orders").getJobCounts()).delayed === 1);
      await server.empty(prefix);
      expect((await later.result()).value).toBe(2);
      const plain = await client({ queue: undefined }).submit("orders", { inputs: { of: 2 } });
      expect((await plain.result()).value).toBe(4);
      await redis.quit();
    });

    it("wait where BullMQ keeps its markers", async () => {
      const dag = doubled();
      const redis = new Redis(server.url);
      await client({ workflows: [dag] }).submit(dag, { inputs: { of: 1 } });
      const marker = new QueueKeys(prefix).toKey("dagwright.begin.orders", "marker");
      await until(async () => (await redis.exists(marker)) === 1);
      await redis.quit();
    });
  });
});
