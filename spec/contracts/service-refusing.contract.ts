import { afterEach, describe, expect, it, vi } from "vitest";
import { Dag } from "dagwright";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, until } from "../support/waiting.js";

/** How a database is made to refuse rows, and to take them again. */
export interface Refusals {
  /**
   * The statements that make it refuse to write rows of a table that meet a condition on `new`: for good, or since there
   * is no room on its disk.
   */
  readonly refuse: (event: "insert" | "update", table: string, condition: string, why?: "no room") => readonly string[];
  readonly accept: (table: string) => string;
}

/** What services do when their database can be reached, and refuses what they write. */
export function serviceRefusingContract(
  name: string,
  connect: () => Promise<OpenSubject>,
  { refuse, accept }: Refusals,
): void {
  describe(`When ${name} refuses what a service writes`, () => {
    const { service, client, execute, rows } = useServices(connect);

    afterEach(() => {
      vi.restoreAllMocks();
    });

    /** A service of the dag `orders` on a new database, the number of its calls, and its warnings. */
    const started = async () => {
      const calls: string[] = [];
      const dag = new Dag<any>("orders");
      dag.node("pay", (id: string) => (calls.push(id), id));
      dag.node("ship", { needs: ["pay"] }, (id: string) => id);
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const serving = service({ workflows: [dag], pollInterval: 20 }, { lease: 300 });
      await serving.start();
      const warnings = () =>
        warned.mock.calls.flatMap(([message, type]) =>
          (type as unknown) === "DagwrightServiceWarning" ? [String(message)] : [],
        );
      const submit = (id: string) => serving.submit(dag, { runId: id, inputs: { id } });
      return { calls, submit, serving, warnings };
    };
    const refusing = async (...given: Parameters<Refusals["refuse"]>) => {
      for (const statement of refuse(...given)) await execute(statement);
    };

    it("fails the run whose record it refuses, and drives it no more", async () => {
      const { calls, submit, serving, warnings } = await started();
      await refusing("insert", "node_executions", "new.run_id = 'bad' and new.node = 'ship'");
      const bad = await submit("bad");
      const error = await failure(bad.result());
      expect(error).toMatchObject({ name: "StoreError", message: expect.stringContaining("no such rows") });
      expect((await (await submit("good")).result()).value).toBe("good");
      expect(calls).toEqual(["bad", "good"]);
      expect(await serving.get("bad")).toMatchObject({ status: "failed" });
      expect(await rows("select status from runs where id = 'bad' and owner is null")).toEqual([{ status: "failed" }]);
      expect(warnings()).toEqual([]);
      await execute(accept("node_executions"));
      await serving.resume("bad");
      expect((await bad.result()).value).toBe("bad");
    });

    it("takes a run up again that it could not record for want of room, without a restart", async () => {
      const { opened, open } = gate();
      const attempts: number[] = [];
      const ends: string[] = [];
      const observers = [({ type }: { type: string }) => void ends.push(type)];
      const dag = new Dag("full", { runOptions: { observers } });
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"], params: ["a", "ctx"] }, async (a: number, { attempt }: { attempt: number }) => {
        attempts.push(attempt);
        if (attempt === 1) await opened;
        return a + 1;
      });
      dag.node("c", { needs: ["b"] }, (b: number) => b + 1);
      const serving = service({ workflows: [dag] }, { lease: 60_000 });
      await serving.start();
      const run = await serving.submit(dag);
      const result = run.result();
      await until(() => attempts.length === 1);
      await refusing("insert", "node_executions", "new.attempt > 0", "no room");
      open();
      await until(async () => (await rows("select owner from runs where owner is null")).length === 1);
      await execute(accept("node_executions"));
      expect((await result).value).toBe(3);
      expect(Array.from(new Set(attempts))).toEqual([1, 2]);
      expect(ends.filter((type) => type === "run.finished").length).toBe(1);
    });

    it("tells once of a run of which it refuses the failure, too, and tries it from time to time", async () => {
      const { submit, serving, warnings } = await started();
      await refusing("update", "runs", "new.id = 'bad' and new.status in ('completed', 'failed')");
      const bad = await submit("bad");
      await until(() => warnings().length > 0);
      expect((await (await submit("good")).result()).value).toBe("good");
      expect(warnings()).toHaveLength(1);
      expect(warnings()[0]).toMatch(/^Run "bad" can't be driven here.*no such rows/u);
      // It is put off, and counts as due. It must not be tried while the refusal ends.
      const putOff = "id = 'bad' and owner is null and due_at is not null";
      await until(async () => {
        await execute(`update runs set due_at = 9e15 where ${putOff}`);
        return (await rows(`select id from runs where ${putOff}`)).length === 1;
      });
      expect((await serving.health()).due).toBe(1);
      await execute(accept("runs"));
      await execute(`update runs set due_at = 1 where ${putOff}`);
      expect((await bad.result()).value).toBe("bad");
    });

    it("tells once that it can't look for runs, and goes on when it can", async () => {
      const { submit, warnings } = await started();
      await refusing("update", "runs", "new.owner is not null");
      const bad = await submit("bad");
      await until(() => warnings().length > 0);
      const other = client();
      for (let i = 0; i < 3; i++) await other.submit("orders", { runId: `more ${i}`, inputs: { id: `more ${i}` } });
      expect(warnings()[0]).toMatch(/can't look for runs, and tries again: .*no such rows/u);
      expect(new Set(warnings()).size).toBe(warnings().length);
      await execute(accept("runs"));
      expect((await bad.result()).value).toBe("bad");
    });

    it("gives back the others, if it refuses that for one of several runs", async () => {
      const { submit, serving, warnings } = await started();
      await serving.stop();
      for (const id of ["first", "bad", "good"]) await submit(id);
      // As if their drivers had died often: then they are driven one by one.
      await execute("update runs set recoveries = 6");
      await refusing("update", "runs", "new.id = 'bad' and new.owner is null");
      await serving.start();
      await until(() => warnings().some((each) => each.startsWith('Run "bad" can\'t be given back')));
      await until(async () => (await serving.get("good"))?.status === "completed");
      await execute(accept("runs"));
      await until(async () => (await serving.get("bad"))?.status === "completed");
    });

    it("says so to who looks a run up", async () => {
      const { submit, serving } = await started();
      await (await submit("good")).result();
      await execute("alter table node_executions rename to gone");
      expect(await failure(serving.get("good"))).toMatchObject({ name: "StoreError", code: "STORE" });
      await execute("alter table gone rename to node_executions");
      expect(await serving.get("good")).toMatchObject({ status: "completed" });
    });
  });
}
