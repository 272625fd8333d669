import { describe, expect, it, vi } from "vitest";
import { Dag, ValidationError, type Context } from "dagwright";
import { Service } from "dagwright/service";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, sleep, until } from "../support/waiting.js";

/** The guarantees of services on every store for sharing it, and for what they can't drive. */
export function serviceSharingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Services that share ${name}`, () => {
    const { another, client, service, rows, execute } = useServices(connect);

    it("go on at once, within a process, when a run of another one frees a place that they share", async () => {
      const { opened, open } = gate();
      const calls: string[] = [];
      const limited = () => {
        const dag = new Dag("limited");
        dag.node("a", async (ctx: Context) => {
          calls.push(ctx.runId);
          await opened;
        });
        return dag;
      };
      const store = another();
      const share = { store, limits: { limited: 1 }, concurrency: 1, pollInterval: 60_000 };
      const first = service({ ...share, workflows: [limited()] });
      const second = service({ ...share, workflows: [limited()] });
      await first.start();
      await first.submit("limited", { runId: "1" });
      await until(() => calls.length === 1);
      await second.start();
      await first.submit("limited", { runId: "2" });
      const stopped = first.stop();
      expect((await second.health()).due).toBe(1);
      open();
      await stopped;
      await until(() => calls.length === 2);
      expect(calls).toEqual(["1", "2"]);
    });

    it("drive each run once, when they start at the same instant", async () => {
      const calls = new Map<string, number>();
      const dag = new Dag("shared");
      dag.node("a", async (id: string) => {
        calls.set(id, (calls.get(id) ?? 0) + 1);
        await sleep(1);
        return id;
      });
      const submitting = client({ workflows: [dag] });
      const ids = Array.from({ length: 100 }, (_, i) => `run ${i}`);
      const runs = await Promise.all(ids.map((id) => submitting.submit(dag, { inputs: { id }, runId: id })));
      const services = Array.from({ length: 3 }, () => service({ workflows: [dag] }));
      const results = Promise.all(runs.map((run) => run.result()));
      await Promise.all(services.map((each) => each.start()));
      expect((await results).map(({ value }) => value)).toEqual(ids);
      expect(Array.from(calls.values()).every((count) => count === 1)).toBe(true);
      expect(calls.size).toBe(100);
    });

    it("drive no more runs of a workflow at once than its limit, all together", async () => {
      let running = 0;
      let most = 0;
      const { opened, open } = gate();
      const dag = new Dag("limited");
      dag.node("a", async () => {
        most = Math.max(most, ++running);
        await opened;
        await sleep(5);
        running--;
      });
      const serving = () => service({ workflows: [dag], limits: { limited: 2 } });
      const services = [serving(), serving()];
      await Promise.all(services.map((each) => each.start()));
      const runs = await Promise.all(Array.from({ length: 12 }, () => services[0].submit(dag)));
      await until(() => running === 2);
      open();
      await Promise.all(runs.map((run) => run.result()));
      expect(most).toBe(2);
    });

    it("begin no more runs in any window than the rate of a workflow", async () => {
      const starts: number[] = [];
      const dag = new Dag("rated");
      dag.node("a", () => void starts.push(Date.now()));
      const serving = service({ workflows: [dag], rate: { rated: { limit: 2, interval: 300 } } });
      await serving.start();
      const runs = await Promise.all(Array.from({ length: 6 }, () => serving.submit(dag)));
      await Promise.all(runs.map((run) => run.result()));
      // A node starts somewhat later than its run.
      expect(starts[5] - starts[0]).toBeGreaterThan(300);
      expect(starts.length).toBe(6);
    });

    it("say what there is to do, and what they do", async () => {
      const { opened, open } = gate();
      const dag = new Dag("counted");
      dag.node("a", () => opened);
      const serving = service({ workflows: [dag], concurrency: 1 });
      const idle = { running: 0, waiting: 0, due: 0, oldestDue: undefined, claimed: 0, lag: 0 };
      expect(await serving.health()).toEqual(idle);
      const runs = [await serving.submit(dag), await serving.submit(dag)];
      await serving.submit(dag, { delay: 60_000 });
      expect(await serving.health()).toMatchObject({ due: 2, claimed: 0, oldestDue: expect.any(Number) });
      await serving.start();
      await until(async () => (await serving.health()).running === 1);
      expect(await serving.health()).toMatchObject({ due: 1, claimed: 1 });
      open();
      await Promise.all(runs.map((run) => run.result()));
      await until(async () => (await serving.health()).claimed === 0);
      expect(await serving.health()).toEqual(idle);
    });

    it("leave runs of other versions to those that have them", async () => {
      const versionOf = (...nodes: string[]) => {
        const dag = new Dag("orders");
        for (const node of nodes) dag.node(node, () => node);
        return dag;
      };
      const old = versionOf("a");
      const current = versionOf("a", "b");
      const submitting = client({ workflows: [old] });
      const run = await submitting.submit(old);
      const serving = service({ workflows: [current] });
      await serving.start();
      const newer = await serving.submit(current);
      expect((await newer.result()).outputs).toEqual({ a: "a", b: "b" });
      expect(await serving.get(run.runId)).toMatchObject({ status: "queued" });
      expect(await failure(serving.submit(old))).toBeInstanceOf(ValidationError);
      await service({ workflows: [current], versions: [old] }).start();
      expect((await run.result()).outputs).toEqual({ a: "a" });
      expect(() => new Service({ store: another(), workflows: [current], versions: [new Dag("other")] })).toThrow(
        ValidationError,
      );
    });

    it("leave a run that can't be read, which says so, and drive the others", async () => {
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const dag = new Dag("orders");
      dag.node("a", (x: number) => x);
      const submitting = client({ workflows: [dag] });
      const broken = await submitting.submit(dag, { inputs: { x: 1 }, runId: "broken", priority: "critical" });
      const sound = await submitting.submit(dag, { inputs: { x: 2 } });
      await execute("update runs set inputs = 'no json' where id = 'broken'");
      const serving = service({ workflows: [dag], concurrency: 1 });
      await serving.start();
      expect((await sound.result()).value).toBe(2);
      const found = await submitting.get(broken.runId);
      expect(found).toMatchObject({ status: "unreadable", details: undefined, error: { code: "STORE" } });
      expect((found?.error as Error).message).toContain('column "inputs"');
      const [row] = await rows("select status, owner from runs where id = 'broken'");
      expect(row).toEqual({ status: "queued", owner: null });
      expect(warned.mock.calls).toEqual([[expect.stringContaining('"broken"'), "DagwrightServiceWarning"]]);
      warned.mockRestore();
      await submitting.delete("broken");
      expect(await submitting.get("broken")).toBe(undefined);
    });

    it("drive workflows that are named like what every object has", async () => {
      const names = ["constructor", "toString", "hasOwnProperty"];
      const dags = names.map((each) => {
        const dag = new Dag(each);
        dag.node("a", () => each);
        return dag;
      });
      const serving = service({ workflows: dags, limits: { toString: 1 } });
      await serving.start();
      const runs = await Promise.all(names.map((each) => serving.submit(each)));
      const results = await Promise.all(runs.map((run) => run.result()));
      expect(results.map(({ value }) => value)).toEqual(names);
    });
  });
}
