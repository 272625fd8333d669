import { describe, expect, it } from "vitest";
import { Dag, type Context, type RunEvent } from "dagwright";
import type { Service } from "dagwright/service";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, never, until } from "../support/waiting.js";

/** A dag whose second node waits at each attempt for a gate of its own. */
function stages() {
  const dag = new Dag("stages");
  const attempts: { readonly signal: AbortSignal; readonly open: () => void }[] = [];
  const seen: RunEvent[] = [];
  const cleaned: number[] = [];
  dag.node("first", () => 1);
  dag.node(
    "second",
    { needs: ["first"], params: ["first", "ctx"], hooks: { cleanup: (_, ctx) => void cleaned.push(ctx.attempt) } },
    async (first: number, { signal }: Context) => {
      const { opened, open } = gate();
      attempts.push({ signal, open });
      await opened;
      return first + 1;
    },
  );
  return { dag, attempts, seen, cleaned, observer: (event: RunEvent) => void seen.push(event) };
}

/** The guarantees of services on every store for being stopped. */
export function serviceStoppingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`A service that is stopped, in ${name},`, () => {
    const { another, client, service, rows } = useServices(connect);
    const statusOf = async (runId: string) => (await client().get(runId))?.status;

    it("begins nothing, and waits for what it drives", async () => {
      const { dag, attempts } = stages();
      const serving = service({ workflows: [dag], concurrency: 1 });
      await serving.start();
      const run = await serving.submit(dag);
      await until(() => attempts.length === 1);
      const later = await serving.submit(dag);
      const stopped = serving.stop();
      attempts[0].open();
      expect((await run.result()).value).toBe(2);
      await stopped;
      expect([await statusOf(later.runId), attempts.length]).toEqual(["queued", 1]);
    });

    it("interrupts what takes longer: attempts as a crash leaves them, no end, and the run queued again", async () => {
      const { dag, attempts, seen, cleaned, observer } = stages();
      const observed = new Dag("stages", { runOptions: { observers: [observer] } });
      for (const spec of dag.nodes.values()) observed.node(spec.name, spec.options as object, spec.fn as any);
      const serving = service({ workflows: [observed] });
      await serving.start();
      const run = await serving.submit(observed);
      await until(() => attempts.length === 1);
      await serving.stop({ grace: 1 });
      expect(attempts[0].signal.aborted).toBe(true);
      expect(attempts[0].signal.reason.message).toContain("its service stops");
      expect(cleaned).toEqual([1]);
      const found = await client().get(run.runId);
      expect(found).toMatchObject({ status: "queued", error: undefined, details: { owner: undefined } });
      expect(found?.details?.attempts).toMatchObject([
        { node: "first", status: "completed" },
        { node: "second", status: "running", finishedAt: undefined },
      ]);
      expect(seen.map(({ type }) => type)).toEqual([
        "run.started",
        "node.ready",
        "attempt.started",
        "node.completed",
        "node.ready",
        "attempt.started",
      ]);
      const other = service({ workflows: [dag] });
      await other.start();
      await until(() => attempts.length === 2);
      attempts[1].open();
      // The result was asked for before the other service had the run.
      expect(await run.result()).toMatchObject({ status: "completed", value: 2 });
      expect((await client().get(run.runId))?.details?.attempts).toMatchObject([
        { node: "first", attempt: 1, status: "completed" },
        { node: "second", attempt: 1, status: "running" },
        { node: "second", attempt: 2, status: "completed" },
      ]);
    });

    it("gives back the runs inside, too", async () => {
      let isHanging = true;
      const inner = new Dag("inner");
      let calls = 0;
      inner.node("before", () => ++calls);
      inner.node("hang", { needs: ["before"] }, (before: number) => (isHanging ? never() : before));
      const outer = new Dag("outer");
      outer.node("check", inner);
      outer.node("call", { params: ["ctx"] }, (ctx: Context) => ctx.run(inner).then((run) => run.value));
      const serving = service({ workflows: [outer] });
      await serving.start();
      const run = await serving.submit(outer);
      await until(() => calls === 1);
      await serving.stop({ grace: 0 });
      expect(await rows("select status, owner, is_child from runs order by is_child")).toEqual([
        { status: "queued", owner: null, is_child: 0 },
        { status: "running", owner: null, is_child: 1 },
      ]);
      isHanging = false;
      await service({ workflows: [outer] }).start();
      expect(await run.result()).toMatchObject({ status: "completed", outputs: { check: 1, call: 2 } });
      expect(calls).toBe(2);
    });

    it("can be started again, and stopped when it drives nothing", async () => {
      const { dag, attempts } = stages();
      const serving = service({ workflows: [dag] });
      await serving.stop();
      await serving.start();
      await serving.stop();
      const run = await serving.submit(dag);
      await serving.start();
      await until(() => attempts.length === 1);
      attempts[0].open();
      expect((await run.result()).value).toBe(2);
      await Promise.all([serving.stop(), serving.stop({ grace: 0 })]);
    });

    it.each([
      ["start, stop", async (serving: Service) => void (await Promise.all([serving.start(), serving.stop()]))],
      ["start, close", async (serving: Service) => void (await Promise.all([serving.start(), serving.close()]))],
      [
        "start, stop, start, stop",
        async (serving: Service) => {
          await serving.start();
          await Promise.all([serving.stop(), serving.start(), serving.stop()]);
        },
      ],
    ])("drives nothing after calls in one turn: %s", async (_, call) => {
      const drivenBy = (calls: string[]) => {
        const dag = new Dag("w");
        dag.node("a", (ctx: Context) => void calls.push(ctx.runId));
        return dag;
      };
      const [here, elsewhere]: string[][] = [[], []];
      const store = another();
      await call(service({ store, workflows: [drivenBy(here)] }));
      const run = await client({ store }).submit("w");
      await service({ workflows: [drivenBy(elsewhere)] }).start();
      await run.result();
      expect([here, elsewhere]).toEqual([[], [run.runId]]);
    });

    it("drives after calls in one turn that end with a start", async () => {
      const { dag, attempts } = stages();
      const serving = service({ workflows: [dag] });
      await Promise.all([serving.start(), serving.stop(), serving.start()]);
      const run = await serving.submit(dag);
      await until(() => attempts.length === 1);
      attempts[0].open();
      expect((await run.result()).value).toBe(2);
    });

    it("can't be started any more once it is being closed", async () => {
      const { dag, attempts } = stages();
      const serving = service({ workflows: [dag] });
      await serving.start();
      await serving.submit(dag);
      await until(() => attempts.length === 1);
      const closing = serving.close();
      expect(await failure(serving.start())).toMatchObject({ code: "CLOSED" });
      attempts[0].open();
      await closing;
    });

    it("does not wait for the checks of inputs beyond its grace, and begins no run when they come", async () => {
      const { opened, open } = gate();
      let checks = 0;
      const late = async (value: unknown) => {
        checks++;
        await opened;
        return { value };
      };
      const schema = { "~standard": { version: 1 as const, vendor: "spec", validate: late } };
      let calls = 0;
      const dag = new Dag("checked", { inputs: { n: schema } });
      dag.node("a", (n: number) => calls++ + n);
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await client().submit("checked", { inputs: { n: 5 } });
      await until(() => checks === 1);
      await serving.stop({ grace: 1 });
      expect(await statusOf(run.runId)).toBe("queued");
      open();
      await new Promise((turn) => setImmediate(turn));
      expect([await statusOf(run.runId), calls]).toEqual(["queued", 0]);
      await serving.start();
      expect((await run.result()).value).toBe(5);
    });

    it("rejects what is waited for when it is closed, as a client does", async () => {
      const { dag, attempts } = stages();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const submitting = client({ workflows: [dag] });
      const run = await submitting.submit(dag);
      await until(() => attempts.length === 1);
      const results = [run.result(), (await serving.get(run.runId))?.result() as Promise<unknown>].map(failure);
      await submitting.close();
      await serving.close({ grace: 0 });
      for (const error of await Promise.all(results)) expect(error.code).toBe("CLOSED");
      expect((await failure(submitting.submit(dag))).message).toBe("This client is closed. Create another one.");
      expect((await failure(serving.start())).message).toBe("This service is closed. Create another one.");
      expect(await failure(run.result())).toMatchObject({ code: "CLOSED" });
    });
  });
}
