import { describe, expect, it } from "vitest";
import { Dag, Fsm, stop, waitForEvent, type Context } from "dagwright";
import { useStores } from "../support/stores.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { until } from "../support/waiting.js";

const HOUR = 3_600_000;

function gate() {
  const fsm = new Fsm("gate");
  fsm.state("open", { initial: true }, () => waitForEvent({ GO: "done" }, { after: [HOUR, "done"] }));
  fsm.state("done", () => stop("done"));
  return fsm;
}

function payment() {
  const dag = new Dag("payment");
  dag.event("PAID");
  return dag;
}

function later() {
  const dag = new Dag("later");
  dag.node("late", { delay: HOUR }, () => 1);
  return dag;
}

const inDag = (inner: Dag<any> | Fsm<any>) => {
  const dag = new Dag("outer");
  dag.node("check", inner as Dag);
  return dag;
};

const inFsm = (inner: Dag<any> | Fsm<any>) => {
  const fsm = new Fsm("outer");
  fsm.state("check", { initial: true }, inner as Dag);
  return fsm;
};

function asking() {
  const dag = new Dag("outer");
  dag.node("ask", async (ctx: Context) => ctx.run(gate()));
  return dag;
}

function askingState() {
  const fsm = new Fsm("outer");
  fsm.state("ask", { initial: true }, async (ctx: any) => stop(await ctx.run(gate(), { key: "k" })));
  return fsm;
}

function several() {
  const dag = inDag(gate());
  dag.node("other", payment());
  dag.event("OWN");
  return dag;
}

/** The guarantees of every store for what is told of runs whose runs inside wait. */
export function storeWaitsInsideContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`A run whose runs inside wait, in ${name}`, () => {
    const { another, execute } = useStores(connect);

    for (const [what, outer, events, isDue] of [
      ["a dag with an fsm inside", () => inDag(gate()), ["check.GO"], true],
      ["a dag with a dag inside", () => inDag(payment()), ["check.PAID"], false],
      ["a dag with a delay inside", () => inDag(later()), [], true],
      ["an fsm with an fsm inside", () => inFsm(gate()), ["check.GO"], true],
      ["an fsm with a dag inside", () => inFsm(payment()), ["check.PAID"], false],
      ["an fsm with a delay inside", () => inFsm(later()), [], true],
      ["an fsm two levels below another", () => inFsm(inDag(gate())), ["check.check.GO"], true],
      ["a node that begins an fsm", asking, ["ask[0].GO"], true],
      ["a state that begins an fsm", askingState, ["ask[k].GO"], true],
      ["a dag with several inside, and an event of its own", several, ["OWN", "check.GO", "other.PAID"], true],
    ] as const) {
      it(`tells what they wait for, while it is driven and at rest: ${what}`, async () => {
        const store = another();
        const waitingFor = {
          events: expect.arrayContaining([...events]),
          until: isDue ? expect.any(Number) : undefined,
        };
        const expectWaiting = async (status: string) => {
          const tells = async () => (await store.getRun("r"))?.waitingFor?.events.length === events.length;
          await until(
            async () => (await tells()) && (!isDue || (await store.getRun("r"))?.waitingFor?.until !== undefined),
          );
          expect(await store.getRun("r")).toMatchObject({ status, waitingFor });
          expect((await store.listRuns({ status: status as never })).runs).toContainEqual(
            expect.objectContaining({ runId: "r", waitingFor }),
          );
        };
        const handle = outer().start({ store, runId: "r" });
        handle.result.catch(() => {});
        await expectWaiting("running");
        await store.close();
        await handle.result.catch(() => {});
        const result = await outer().resume("r", { store: another(), detach: true });
        expect(result).toMatchObject({ status: "waiting", waitingFor });
      });

      it(`takes what is told as an event: ${what}`, async () => {
        // What nodes begin by themselves is known only where they run.
        if (events.length === 0 || what.includes("begins")) return;
        const store = another();
        const workflow = outer();
        await workflow.run({ store, runId: "r", detach: true });
        for (const event of (await store.getRun("r"))?.waitingFor?.events ?? []) {
          await workflow.send("r", event, 1, { store });
        }
        expect((await workflow.resume("r", { store })).status).toBe("completed");
        expect((await store.getRun("r"))?.waitingFor).toBe(undefined);
      });
    }

    it("does not tell of a delay that has passed", async () => {
      const store = another();
      const dag = new Dag("orders");
      dag.node("soon", { delay: 20 }, () => 1);
      dag.node("late", { needs: ["soon"], delay: HOUR }, () => 1);
      const began = Date.now();
      const handle = inDag(dag).start({ store, runId: "r" });
      handle.result.catch(() => {});
      const told = async () => (await store.getRun("r"))?.waitingFor?.until;
      await until(async () => ((await told()) ?? 0) >= began + HOUR);
      await store.close();
      await handle.result.catch(() => {});
      const other = another();
      const { waitingFor } = await inDag(dag).resume("r", { store: other, detach: true });
      for (const runId of ["r", "r/check"]) {
        expect((await other.getRun(runId))?.waitingFor).toEqual({
          events: [],
          until: Math.floor(waitingFor?.until ?? 0),
        });
      }
    });

    it("is listed, also when what is inside can't be read", async () => {
      const store = another();
      await inDag(payment()).run({ store, runId: "r", detach: true });
      await execute("update runs set inputs = '{' where id = 'r/check'");
      await execute("update waits set payload = '{' where run_id = 'r/check'");
      const { runs } = await store.listRuns({ status: "waiting" });
      expect(runs.map(({ runId }) => runId)).toContain("r");
    });
  });
}
