import { describe, expect, it } from "vitest";
import { Dag, Fsm, next, PauseRun, stop, type Context } from "dagwright";
import type { FollowedEvent } from "dagwright/service";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { failure, gate, until } from "../support/waiting.js";

async function all(events: AsyncIterable<FollowedEvent>): Promise<FollowedEvent[]> {
  const list: FollowedEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

const shown = (events: readonly FollowedEvent[]) =>
  events.map((event) => ("node" in event ? `${event.type} ${event.node}` : event.type));

/** The guarantees of services and clients on every store for following runs. */
export function serviceFollowingContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`The events of a run in ${name}`, () => {
    const { another, client, execute, rows, service } = useServices(connect);

    function report() {
      const { opened, open } = gate();
      const inner = new Dag("inner");
      inner.node("deep", () => 3);
      const dag = new Dag("report");
      dag.node("load", () => 1);
      dag.node("check", { needs: ["load"], params: ["load", "ctx"] }, async (_: number, ctx: Context) => {
        ctx.progress(0.5, "half");
        await opened;
        return ctx.run(inner).then((run) => run.value);
      });
      return { dag, open };
    }

    const ENDED = [
      "run.started",
      "attempt.started load",
      "node.completed load",
      "attempt.started check",
      "run.started",
      "attempt.started deep",
      "node.completed deep",
      "run.finished",
      "node.completed check",
      "run.finished",
    ];

    it("come as they happen, with what is not recorded, where it is driven", async () => {
      const { dag, open } = report();
      const serving = service({ workflows: [dag] });
      const run = await serving.submit(dag);
      const seen: FollowedEvent[] = [];
      const following = (async () => {
        for await (const event of serving.events(run.runId)) seen.push(event);
      })();
      await serving.start();
      await until(() => seen.some(({ type }) => type === "node.progress"));
      open();
      await following;
      const isRecorded = ({ type }: FollowedEvent) => type !== "node.progress" && type !== "node.ready";
      expect(shown(seen.filter(isRecorded)).sort()).toEqual([...ENDED].sort());
      expect(seen.at(-1)).toMatchObject({ type: "run.finished", runId: run.runId, status: "completed" });
      expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    });

    it("are those of the record elsewhere, and after the end", async () => {
      const { dag, open } = report();
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const following = all(client().events(run.runId));
      const soFar = () => all(client().events(run.runId, { follow: false }));
      await until(async () => shown(await soFar()).at(-1) === "attempt.started check");
      open();
      const seen = await following;
      expect(shown(seen).sort()).toEqual([...ENDED].sort());
      const again = await all(client().events(run.runId));
      expect(shown(again)).toEqual(ENDED);
      const after = again.findIndex((event) => event.type === "attempt.started" && event.node === "check");
      const rest = await all(client().events(run.runId, { after: again[after].id }));
      expect(rest).toEqual(again.slice(after + 1));
      expect(again[4]).toMatchObject({ type: "run.started", parent: { runId: run.runId, node: "check" } });
    });

    it("keep their order when all of them happen in the same millisecond", async () => {
      const { dag, open } = report();
      const serving = service({ workflows: [dag] });
      await serving.start();
      open();
      const run = await serving.submit(dag);
      await run.result();
      const [{ first }] = await rows("select min(created_at) as first from runs");
      const squeezed = (column: string) => `${column} = 5000 + (${column} - ${first}) / 100000`;
      await execute(`update runs set ${squeezed("created_at")}, ${squeezed("finished_at")}`);
      await execute(`update node_executions set ${squeezed("started_at")}, ${squeezed("finished_at")}`);
      expect(shown(await all(client().events(run.runId)))).toEqual(ENDED);
    });

    it("tell of failures, skipped nodes and states", async () => {
      const dag = new Dag("failing", { errorStrategy: "continue" });
      dag.node("a", { retry: { retries: 1, delay: 0 } }, () => {
        throw new Error("no");
      });
      dag.node("b", { needs: ["a"] }, (a: unknown) => a);
      const fsm = new Fsm("machine");
      fsm.state("one", { initial: true, to: ["two"] }, () => ({ next: "two", value: 1 }));
      fsm.state("two", { terminal: true }, () => stop(2));
      fsm.addTransition("one", "two");
      const serving = service({ workflows: [dag, fsm] });
      await serving.start();
      const failed = await serving.submit(dag);
      const machine = await serving.submit(fsm);
      await Promise.all([failed.result(), machine.result()]);
      const events = await all(client().events(failed.runId));
      expect(shown(events)).toEqual([
        "run.started",
        "attempt.started a",
        "attempt.failed a",
        "attempt.started a",
        "attempt.failed a",
        "node.failed a",
        "node.skipped b",
        "run.finished",
      ]);
      expect(events[5]).toMatchObject({ error: { code: "EXECUTION", cause: { message: "no" } } });
      expect(shown(await all(client().events(machine.runId)))).toEqual([
        "run.started",
        "state.entered one",
        "attempt.started one",
        "node.completed one",
        "state.left one",
        "state.entered two",
        "attempt.started two",
        "node.completed two",
        "state.left two",
        "run.finished",
      ]);
    });

    it("tell of every cycle of an fsm, and of every attempt in it", async () => {
      const fsm = new Fsm("machine");
      const failed = new Set<number>();
      fsm.state("a", { initial: true, to: ["b"], retry: { retries: 1, delay: 0 } }, (n: number) => {
        if (n === 1 && failed.size < failed.add(n).size) throw new Error("once");
        return n === 2 ? stop(n) : next("b", n);
      });
      fsm.state("b", { to: ["a"] }, (n: number) => next("a", n + 1));
      const serving = service({ workflows: [fsm] });
      await serving.start();
      const run = await serving.submit(fsm, { inputs: { n: 0 } });
      const events = await all(client().events(run));
      const cycle = (name: string) => [
        `state.entered ${name}`,
        `attempt.started ${name}`,
        `node.completed ${name}`,
        `state.left ${name}`,
      ];
      expect(shown(events)).toEqual([
        "run.started",
        ...cycle("a"),
        ...cycle("b"),
        ...cycle("a").slice(0, 2),
        "attempt.failed a",
        ...cycle("a").slice(1),
        ...cycle("b"),
        ...cycle("a"),
        "run.finished",
      ]);
    });

    it("tell of every failed attempt of an item", async () => {
      const dag = new Dag("photos");
      const list = dag.node("list", () => ["a", "b"]);
      let fails = 2;
      dag.map("thumb", { needs: [list], retry: { retries: 2, delay: 0 }, concurrency: 1 }, (file: string) => {
        if (file === "b" && fails-- > 0) throw new Error(`left: ${fails}`);
        return file;
      });
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const events = await all(client().events(run));
      expect(shown(events).slice(3, -2)).toEqual([
        "attempt.started thumb",
        "item.started thumb",
        "item.completed thumb",
        "item.started thumb",
        "attempt.failed thumb",
        "attempt.failed thumb",
        "item.completed thumb",
      ]);
      const failures = events.filter(({ type }) => type === "attempt.failed");
      expect(failures).toMatchObject([1, 2].map((attempt) => ({ attempt, item: { index: 1 } })));
      expect(failures).toMatchObject([{ error: { message: "left: 1" } }, { error: { message: "left: 0" } }]);
    });

    it("tell of each wait of a node, also when it is over", async () => {
      const dag = new Dag("payment");
      dag.event("paid", { delay: 5 });
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const following = all(client().events(run));
      await until(async () => (await serving.get(run))?.waitingFor?.events.includes("paid") === true);
      await serving.send(run, "paid", 1);
      const events = await following;
      expect(shown(events)).toEqual([
        "run.started",
        "node.waiting paid",
        "node.waiting paid",
        "attempt.started paid",
        "node.completed paid",
        "run.finished",
      ]);
      expect(events[1]).toMatchObject({ waitingFor: { until: expect.any(Number) } });
      expect(events[2]).toMatchObject({ waitingFor: { event: "paid" } });
      expect(await all(client().events(run))).toEqual(events);
    });

    it("tell of a wait once, however often the run is taken up meanwhile", async () => {
      const dag = new Dag("waiting");
      for (const event of ["paid", "sent", "closed"]) dag.event(event);
      const fsm = new Fsm<number>("delayed");
      fsm.state("later", { initial: true, terminal: true, delay: 3_600_000 }, () => 1);
      const serving = service({ workflows: [dag, fsm] });
      await serving.start();
      const run = await serving.submit(dag);
      const isAt = (id: string, status: string) => until(async () => (await serving.get(id))?.status === status);
      await isAt(run.runId, "waiting");
      const following = all(client().events(run));
      for (const event of ["paid", "sent", "closed"]) {
        await until(async () => (await serving.get(run))?.waitingFor?.events.includes(event) === true);
        await serving.send(run, event, 1);
      }
      const events = await following;
      const waits = shown(events).filter((text) => text.startsWith("node.waiting"));
      expect(waits).toEqual(["node.waiting paid", "node.waiting sent", "node.waiting closed"]);
      expect(await all(client().events(run))).toEqual(events);
      const delayed = await serving.submit(fsm);
      for (let times = 0; times < 2; times++) {
        await isAt(delayed.runId, "waiting");
        await serving.pause(delayed);
        await isAt(delayed.runId, "paused");
        await serving.resume(delayed);
      }
      await isAt(delayed.runId, "waiting");
      await serving.cancel(delayed);
      const told = shown(await all(client().events(delayed)));
      expect(told.filter((text) => text.startsWith("node.waiting"))).toEqual(["node.waiting later"]);
    });

    it("tell of pauses, and of nodes that were answered for", async () => {
      const dag = new Dag("approval");
      dag.node("approve", () => {
        throw new PauseRun("ask Ann");
      });
      dag.node("ship", { needs: ["approve"] }, (by: string) => by);
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const watching = client();
      const following = all(watching.events(run));
      await until(async () => (await watching.get(run))?.status === "paused");
      await watching.resume(run, { provide: { approve: "Ann" } });
      const events = await following;
      expect(shown(events)).toEqual([
        "run.started",
        "attempt.started approve",
        "run.paused",
        "node.completed approve",
        "attempt.started ship",
        "node.completed ship",
        "run.finished",
      ]);
      expect(events[3]).toMatchObject({ result: "Ann" });
    });

    it("tell of the pause of a run that nobody drives", async () => {
      const clock = client();
      const run = await clock.submit("later", { delay: 60_000 });
      await clock.pause(run);
      const events = clock.events(run);
      await events.next();
      expect((await events.next()).value).toMatchObject({ type: "run.paused", runId: run.runId });
      await events.return?.();
    });

    it("begin after any of them, also one that is not recorded, and end after the last", async () => {
      const { dag, open } = report();
      open();
      const serving = service({ workflows: [dag] });
      const run = await serving.submit(dag);
      const following = all(serving.events(run));
      await serving.start();
      const live = await following;
      const isRecorded = ({ type }: FollowedEvent) => type !== "node.progress" && type !== "node.ready";
      expect(live.some((event) => !isRecorded(event))).toBe(true);
      for (const [i, { id }] of live.entries()) {
        expect(id).toMatch(/^[ -~]+$/u);
        expect(await all(client().events(run, { after: id }))).toEqual(live.slice(i + 1).filter(isRecorded));
      }
      const refused = await failure(all(client().events(run, { after: "no id" })));
      expect(refused).toMatchObject({ name: "RangeError", message: expect.stringContaining('received "no id"') });
    });

    it("go on after a run that has ended was resumed", async () => {
      const dag = new Dag("mended");
      let fails = true;
      dag.node("a", () => {
        if (fails) throw new Error("no");
        return 1;
      });
      const serving = service({ workflows: [dag] });
      await serving.start();
      const run = await serving.submit(dag);
      const first = await all(serving.events(run));
      expect(shown(first).slice(-3)).toEqual(["attempt.failed a", "node.failed a", "run.finished"]);
      fails = false;
      await serving.resume(run);
      const rest = await all(client().events(run, { after: first.at(-1)?.id }));
      expect(shown(rest)).toEqual(["attempt.started a", "node.completed a", "run.finished"]);
    });

    it("go on when another service takes a run over", async () => {
      const { opened, open } = gate();
      const dag = new Dag("moving");
      let starts = 0;
      dag.node("a", () => 1);
      dag.node("b", { needs: ["a"] }, async (a: number) => {
        if (++starts === 1) await opened;
        return a;
      });
      const first = service({ workflows: [dag] });
      const second = service({ workflows: [dag] });
      await first.start();
      const run = await first.submit(dag);
      const watching = client();
      const following = [first, watching].map((each) => all(each.events(run)));
      await until(() => starts === 1);
      await first.stop({ grace: 0 });
      await second.start();
      const isRecorded = ({ type }: FollowedEvent) => type !== "node.ready";
      const [live, remote] = await Promise.all(following);
      open();
      expect(shown(remote)).toEqual([
        "run.started",
        "attempt.started a",
        "node.completed a",
        "attempt.started b",
        "attempt.started b",
        "node.completed b",
        "run.finished",
      ]);
      expect(live.filter(isRecorded)).toEqual(remote);
      expect(await all(client().events(run))).toEqual(remote);
    });

    it("are left at once, by the loop and by a signal", async () => {
      const following = client();
      const run = await following.submit("later", { delay: 60_000 });
      const events = following.events(run);
      const waiting = events.next();
      expect(await events.return?.()).toEqual({ done: true, value: undefined });
      expect(await waiting).toEqual({ done: true, value: undefined });
      expect(await events.next()).toEqual({ done: true, value: undefined });
      const controller = new AbortController();
      const aborted = failure(all(following.events(run, { signal: controller.signal })));
      controller.abort(new Error("gone"));
      expect(await aborted).toMatchObject({ message: "gone" });
      expect(await failure(all(following.events(run, { signal: AbortSignal.abort("late") })))).toBe("late");
    });

    it("hide what the store redacts, also where the run is driven", async () => {
      const dag = new Dag("login");
      dag.node("token", () => "secret");
      const store = another();
      store.redact("token");
      const serving = service({ workflows: [dag], store });
      await serving.start();
      const run = await serving.submit(dag);
      const events = await all(serving.events(run));
      expect(events.find(({ type }) => type === "node.completed")).toMatchObject({ result: "[redacted]" });
    });

    it("end where nobody can read them", async () => {
      const following = client();
      expect(await failure(all(following.events("none")))).toMatchObject({ code: "NOT_FOUND" });
      const dag = new Dag("later");
      dag.node("a", () => 1);
      const run = await following.submit("later", { delay: 60_000 });
      expect(await all(following.events(run.runId, { follow: false }))).toEqual([]);
      const open = failure(all(following.events(run.runId)));
      await following.close();
      expect(await open).toMatchObject({ code: "CLOSED" });
      const other = client();
      expect(await failure(all(other.events("none", { after: "no id" })))).toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
