import { describe, expect, it, vi } from "vitest";
import { Dag, PauseRun, ValidationError } from "dagwright";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, until } from "../support/waiting.js";

const HOUR = 3_600_000;

/** A dag that asks two questions, one after the other. It does not complete before `mayEnd`. */
function questions(mayEnd?: Promise<void>) {
  const dag = new Dag("questions");
  dag.node("first", (): string => {
    throw new PauseRun("first?");
  });
  dag.node("second", { needs: ["first"] }, (): string => {
    throw new PauseRun("second?");
  });
  dag.node("both", { needs: ["first", "second"] }, async (first: string, second: string) => {
    await mayEnd;
    return `${first}, ${second}`;
  });
  return dag;
}

/** A dag that counts its runs. */
function counted() {
  const calls: string[] = [];
  const dag = new Dag("counted");
  dag.node("a", { params: ["ctx"] }, ({ runId }: { runId: string }) => calls.push(runId));
  return { dag, calls };
}

/** The guarantees of services and clients on every store for runs that are resumed. */
export function serviceResumingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Resuming runs in ${name}:`, () => {
    const { client, service, execute } = useServices(connect);

    it("of several answers to one pause, one is taken, and the others are refused", async () => {
      const { opened, open } = gate();
      const dag = questions(opened);
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const result = run.result();
      for (const question of ["first", "second"]) {
        await until(async () => (await serving.get(run.runId))?.pauses[0]?.node === question);
        await until(async () => (await serving.get(run.runId))?.status === "paused");
        const answers = ["Ann", "Bob", "Cem"].map((who) => client().resume(run, { provide: { [question]: who } }));
        const outcomes = await Promise.allSettled(answers);
        const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as Error] : []));
        expect(refused.length).toBe(2);
        // The run is queued, driven or pauses elsewhere by then.
        for (const error of refused)
          expect(error).toHaveProperty("code", expect.stringMatching(/VALIDATION|LEASE_HELD/));
      }
      open();
      expect(await result).toMatchObject({ status: "completed" });
    });

    it("an answer is not replaced by another one before a service takes it", async () => {
      const dag = questions();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      await until(async () => (await serving.get(run.runId))?.status === "paused");
      await serving.stop();
      const acting = client();
      await acting.resume(run, { provide: { first: "Ann" } });
      expect((await failure(acting.resume(run, { provide: { first: "Bob" } }))).message).toContain("is queued already");
      expect(await failure(acting.resume(run))).toBeInstanceOf(ValidationError);
      await serving.start();
      await until(async () => (await acting.get(run.runId))?.pauses[0]?.node === "second");
      await until(async () => (await acting.get(run.runId))?.status === "paused");
      await acting.resume(run, { provide: { second: "Bob" } });
      expect((await run.result()).outputs).toEqual({ both: "Ann, Bob" });
    });

    it("an answer is taken as it was when it was given", async () => {
      const dag = new Dag("asking");
      dag.node("ask", (): { by: string } => {
        throw new PauseRun("who?");
      });
      dag.node("show", { needs: ["ask"] }, ({ by }: { by: string }) => by);
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      await until(async () => (await serving.get(run.runId))?.status === "paused");
      const provide = { ask: { by: "Ann" } };
      const resuming = serving.resume(run, { provide });
      provide.ask.by = "Bob";
      await resuming;
      expect((await run.result()).value).toBe("Ann");
    });

    it("a run inside another one is left to that one", async () => {
      const { opened, open } = gate();
      const inner = new Dag("inner");
      inner.node("ask", (): string => {
        throw new PauseRun("who?");
      });
      const outer = new Dag("outer");
      outer.node("call", inner);
      outer.node("after", { needs: ["call"] }, async () => opened);
      const serving = service({ workflows: [outer, inner] });
      await serving.start();
      const run = await serving.submit(outer);
      await until(async () => (await serving.get(run.runId))?.status === "paused");
      const inside = `${run.runId}/call`;
      const acting = client();
      const verbs = [
        () => acting.resume(inside),
        () => acting.resume(inside, { provide: { ask: "Ann" } }),
        () => acting.pause(inside),
        () => acting.cancel(inside),
        () => acting.delete(inside),
      ];
      for (const verb of verbs) {
        const error = await failure(verb());
        expect(error).toBeInstanceOf(ValidationError);
        expect(error.message).toContain(`is inside of "${run.runId}"`);
      }
      expect(await acting.get(inside)).toMatchObject({ status: "paused" });
      open();
      await acting.resume(run, { provide: { "call.ask": "Ann" } });
      expect(await run.result()).toMatchObject({ status: "completed" });
    });

    it("one that was stopped before it began is not begun before its time", async () => {
      const { dag, calls } = counted();
      const serving = service({ workflows: [dag] });
      const paused = await serving.submit(dag, { delay: HOUR });
      const cancelled = await serving.submit(dag, { delay: HOUR });
      const dueAt = (await serving.get(paused.runId))?.dueAt;
      await serving.pause(paused);
      expect((await serving.get(paused.runId))?.dueAt).toBe(undefined);
      await serving.pause(paused);
      await serving.cancel(cancelled);
      await serving.resume(paused);
      await serving.resume(cancelled);
      await serving.start();
      await (await serving.submit(dag, { runId: "now" })).result();
      expect(calls).toEqual(["now"]);
      expect(await serving.get(paused.runId)).toMatchObject({ status: "queued", dueAt });
      expect(await serving.get(cancelled.runId)).toMatchObject({ status: "queued", dueAt: expect.any(Number) });
    });

    it("one whose time has come meanwhile begins at once", async () => {
      const { dag } = counted();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag, { delay: HOUR });
      await serving.pause(run);
      await execute(`update runs set was_due_at = was_due_at - ${2 * HOUR}`);
      await serving.resume(run);
      expect(await run.result()).toMatchObject({ status: "completed" });
    });

    it("one that is queued is refused, and keeps its time", async () => {
      const { dag, calls } = counted();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag, { delay: HOUR });
      expect(await failure(serving.resume(run))).toBeInstanceOf(ValidationError);
      await (await serving.submit(dag, { runId: "now" })).result();
      expect(calls).toEqual(["now"]);
    });

    it("one that can't be driven is due until it is, and a warning says why", async () => {
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      let isDown = true;
      const dag = new Dag("damaged");
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"] }, (a: number) => {
        if (isDown) throw new Error("down");
        return a + 1;
      });
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      await failure(run.result());
      isDown = false;
      await execute("update node_executions set output = output || '?' where node = 'a'");
      await serving.resume(run);
      await until(() => warned.mock.calls.length > 0);
      expect(warned.mock.calls[0]).toEqual([
        expect.stringContaining(`Run "${run.runId}" can't be driven here`),
        "DagwrightServiceWarning",
      ]);
      await until(async () => (await serving.health()).due === 1);
      expect((await serving.health()).lag).toBeGreaterThan(0);
      await execute("update node_executions set output = replace(output, '?', '') where node = 'a'");
      expect((await run.result()).value).toBe(2);
      expect(await serving.health()).toMatchObject({ due: 0, lag: 0, oldestDue: undefined });
      expect(warned.mock.calls.length).toBe(1);
      warned.mockRestore();
    });
  });
}
