import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it, vi } from "vitest";
import { any, Dag, event, getContext, node, type RunEvent } from "dagwright";
import { z } from "zod";
import { pass, useFakeTime } from "../../support/fake-time.js";
import { failure, until } from "../../support/waiting.js";

const HOUR = 3_600_000;

class Orders {
  @node invoice(): { total: number } {
    return { total: 10 };
  }

  @event("invoice", { event: "PAID" })
  paid(payment: { amount: number }, invoice: { total: number }): string {
    return `${payment.amount} of ${invoice.total}`;
  }

  @node("paid") ship(paid: string): string {
    return `shipped for ${paid}`;
  }
}

/** A dag whose node `paid` waits for its event, without a function. */
function payments(options: object = {}) {
  const dag = new Dag("payments");
  dag.event("paid", options);
  return dag;
}

describe("An event node", () => {
  it("takes the payload, then its needs, and has the result of its function", async () => {
    const handle = Dag.from(Orders).start();
    await handle.send("PAID", { amount: 7 });
    const run = await handle.result;
    expect(run.value).toBe("shipped for 7 of 10");
    expect(run.nodes.get("paid")).toMatchObject({ status: "completed", attempts: 1, waitingFor: undefined });
  });

  it("is named by its node, and gives the payload, without a name and a function of its own", async () => {
    const handle = payments().start();
    await handle.send("paid", { amount: 7 });
    expect((await handle.result).get("paid")).toEqual({ amount: 7 });
  });

  it("takes needs in order, inputs by name, the context, or none of them", async () => {
    const dag = new Dag("args");
    const a = dag.node("a", () => "a");
    dag.event("x", { needs: [a] }, (payload: string, first: string, limit: number, ctx: unknown) => [
      payload,
      first,
      limit,
      typeof ctx,
    ]);
    dag.event("y", { event: "x", needs: [a] }, (...args: unknown[]) => args.length);
    dag.event("z", { event: "x", needs: [a] }, () => "z");
    const handle = dag.start({ inputs: { limit: 3 } });
    for (const payload of [1, 2, 3]) await handle.send("x", payload);
    const run = await handle.result;
    expect(run.results).toMatchObject({ x: [1, "a", 3, "object"], y: 2, z: "z" });
    expect(() => new Dag("many").event("x", { needs: ["a", "b"] }, (payload, one) => [payload, one])).toThrow(
      'Node "x" has 2 needs but 1 parameter after its payload',
    );
  });

  it("waits without a slot, and tells what for", async () => {
    const dag = payments({ event: "PAID" });
    dag.node("other", () => "other");
    const events: RunEvent[] = [];
    const handle = dag.start({ observers: [(e) => void events.push(e)] });
    await until(() => events.some((e) => e.type === "node.completed" && e.node === "other"));
    expect(events).toContainEqual(
      expect.objectContaining({ type: "node.waiting", node: "paid", waitingFor: { event: "PAID" } }),
    );
    const run = await handle.pause();
    expect(run.nodes.get("paid")).toMatchObject({ status: "waiting", waitingFor: { event: "PAID" }, attempts: 0 });
  });

  it("gets an event that was sent before it waits, and several get theirs in order of waiting", async () => {
    const dag = new Dag("several");
    const slow = dag.node("slow", () => new Promise((done) => setTimeout(done, 5)));
    dag.event("second", { event: "X", after: [slow] });
    dag.event("first", { event: "X" });
    const handle = dag.start({ mode: "async" });
    await Promise.all([handle.send("X", 1), handle.send("X", 2)]);
    expect((await handle.result).results).toMatchObject({ first: 1, second: 2 });
  });

  it("keeps its payload when it is retried", async () => {
    const seen: unknown[] = [];
    const dag = new Dag("retried");
    dag.event("paid", { retry: { retries: 2, delay: 0 } }, (payload: unknown) => {
      seen.push(payload);
      if (seen.length < 3) throw new Error("no");
      return payload;
    });
    const handle = dag.start();
    await handle.send("paid", { amount: 1 });
    expect((await handle.result).value).toEqual({ amount: 1 });
    expect(seen).toEqual([{ amount: 1 }, { amount: 1 }, { amount: 1 }]);
  });

  it("runs in the async context of its run, not in that of the sender", async () => {
    const storage = new AsyncLocalStorage<string>();
    const dag = new Dag("context");
    dag.event("x", () => [storage.getStore(), getContext()?.runId]);
    const handle = storage.run("run", () => dag.start({ runId: "r" }));
    await storage.run("sender", () => handle.send("x"));
    expect((await handle.result).value).toEqual(["run", "r"]);
  });

  it("has a schema that checks the payload, and gets what it makes of it", async () => {
    for (const isAsync of [false, true]) {
      const paidAt = z.object({ at: z.string().transform((text) => new Date(text)) });
      const schema = isAsync ? paidAt.refine(async () => true) : paidAt;
      const dag = new Dag("schemas");
      dag.event("paid", { schema }, ({ at }: { at: Date }) => at.getFullYear());
      const handle = dag.start();
      const bad = await failure(handle.send("paid", { at: 5 }));
      expect(bad).toMatchObject({
        name: "ValidationError",
        message: expect.stringMatching(/payload of the event "paid" is invalid at at/u),
      });
      await handle.send("paid", { at: "2026-01-01" });
      expect((await handle.result).value).toBe(2026);
    }
  });

  it("is refused with an empty event, a bad timeout, or a schema of its own for the same event", () => {
    const define = (options: object) => () => new Dag("bad").event("a", options);
    expect(define({ event: "" })).toThrow('"event" of event "a" must be a non-empty string');
    expect(define({ timeout: 0 })).toThrow('"timeout" of event "a" must be a number of milliseconds, from 1');
    expect(define({ bodyTimeout: -1 })).toThrow('"bodyTimeout" of event "a"');
    expect(define({ schema: {} })).toThrow('"schema" of event "a" must be a schema');
    const dag = new Dag("schemas");
    dag.event("a", { event: "X", schema: z.string() });
    dag.event("b", { event: "X", schema: z.number() });
    expect(dag.validate()[0]).toMatchObject({
      message: expect.stringContaining("different schemas"),
      nodes: ["a", "b"],
    });
  });

  it("fails when nobody can send its event", async () => {
    expect((await failure(payments().run())).message).toBe(
      'Node "paid" waits for the event "paid", but nobody can send events to this run. Use dag.start, a store, or a "timeout".',
    );
    expect(() => payments().runSync()).toThrow("runSync can't wait for events");
  });
});

describe("Sending an event", () => {
  it("that no node waits for is refused, with those that there are", async () => {
    const handle = Dag.from(Orders).start();
    expect(await failure(handle.send("PAYED"))).toMatchObject({
      name: "ValidationError",
      message: 'No node of "Orders" waits for the event "PAYED". Did you mean "PAID"?',
    });
    expect((await failure(handle.send("nothing"))).message).toContain('It waits for: "PAID".');
    await handle.cancel();
  });

  it("to a node that is over is refused, naming it", async () => {
    const dag = payments();
    dag.event("other");
    const handle = dag.start();
    await handle.send("paid", 1);
    const refused = await failure(handle.send("paid", 2));
    expect(refused.message).toBe(
      'The event "paid" comes too late: "paid" is over, or has got it already. Send it to another run.',
    );
    await handle.cancel();
  });

  it("to a run that ended, or ends first, is refused", async () => {
    const handle = payments().start();
    await handle.cancel();
    expect(await failure(handle.send("paid"))).toMatchObject({ code: "RUN_ENDED" });
    const dag = new Dag("never");
    const fails = dag.node("fails", () => Promise.reject(new Error("no")));
    dag.event("paid", { needs: [fails] });
    const other = dag.start();
    other.result.catch(() => {});
    expect(await failure(other.send("paid"))).toMatchObject({ code: "RUN_ENDED" });
  });
});

describe("The timeout of an event", () => {
  useFakeTime();

  it("fails the node, or lets its fallback or onTimeout take its place", async () => {
    const failed = failure(payments({ timeout: HOUR }).start().result);
    await pass(HOUR);
    expect(await failed).toMatchObject({ name: "NodeTimeoutError", node: "paid", attempt: 0 });

    const dag = new Dag("stand-ins");
    const invoice = dag.node("invoice", () => 10);
    dag.event("value", { timeout: HOUR, onTimeout: null });
    dag.event(
      "computed",
      { needs: [invoice], timeout: HOUR, onTimeout: async (total: number, ctx: any) => [total, ctx.runId] },
      (p: number, i: number) => p + i,
    );
    dag.event("fallback", { timeout: HOUR, fallback: "fallback" });
    const result = dag.run({ runId: "r" });
    await pass(HOUR);
    expect((await result).results).toMatchObject({ value: null, computed: [10, "r"], fallback: "fallback" });
    expect((await result).nodes.get("value")).toMatchObject({ status: "completed", attempts: 0 });
  });

  it("does not bound the function, which bodyTimeout does", async () => {
    const dag = new Dag("bodies");
    const slow = () => new Promise((done) => setTimeout(() => done("slow"), 2 * HOUR));
    dag.event("slow", { event: "X", timeout: HOUR }, slow);
    dag.event("bounded", { event: "X", timeout: HOUR, bodyTimeout: 1000, fallback: "late" }, slow);
    const handle = dag.start({ mode: "async" });
    const sent = [handle.send("X"), handle.send("X")];
    await pass(2 * HOUR);
    await Promise.all(sent);
    expect((await handle.result).results).toEqual({ slow: "slow", bounded: "late" });
  });

  it("begins after its delay", async () => {
    const handle = payments({ delay: HOUR, timeout: HOUR, onTimeout: "none" }).start();
    await pass(2 * HOUR - 1);
    void handle.send("paid", "in time");
    await pass(1);
    expect((await handle.result).value).toBe("in time");
  });

  it("refuses events that come too late", async () => {
    const dag = payments({ timeout: HOUR, onTimeout: "none" });
    dag.node("long", { delay: 3 * HOUR }, () => 1);
    const handle = dag.start();
    await pass(2 * HOUR);
    const late = failure(handle.send("paid"));
    await pass(1);
    expect((await late).message).toContain('comes too late: "paid" is over');
    await pass(2 * HOUR);
    expect((await handle.result).get("paid")).toBe("none");
  });
});

describe("A node that only settled any-nodes still need", () => {
  useFakeTime();

  class Deadline {
    @event paid(payment: string): string {
      return payment;
    }
    @node("paid") charge(payment: string): string {
      return `charged ${payment}`;
    }
    @node({ delay: HOUR }) deadline(): string {
      return "expired";
    }
    @any("charge", "deadline") done(value: string): string {
      return value;
    }
  }

  it.each(["sequential", "async"] as const)("is skipped, in mode %s", async (mode) => {
    const handle = Dag.from(Deadline).start({ mode });
    await pass(1);
    void handle.send("paid", "5");
    await pass(1);
    const run = await handle.result;
    expect(run.value).toBe("charged 5");
    expect(run.nodes.get("deadline")).toMatchObject({ status: "skipped", skippedBy: "done" });
    const late = Dag.from(Deadline).start({ mode });
    await pass(HOUR);
    const expired = await late.result;
    expect(expired.value).toBe("expired");
    expect(expired.nodes.get("paid")).toMatchObject({ status: "skipped", skippedBy: "done" });
    expect(expired.nodes.get("charge")).toMatchObject({ status: "skipped" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is skipped when it would begin to wait only afterwards", async () => {
    const dag = new Dag("later");
    const slow = dag.node("slow", () => new Promise((done) => setTimeout(done, 10)));
    const late = dag.node("late", { after: [slow], delay: HOUR }, () => "late");
    const quick = dag.node("quick", () => "quick");
    dag.any("first", { needs: [late, quick] }, (value: string) => value);
    const result = dag.run({ mode: "async" });
    await pass(10);
    expect((await result).nodes.get("late")).toMatchObject({ status: "skipped", skippedBy: "first" });
  });

  it("is not skipped while others need it, or its result is an output", async () => {
    const dag = new Dag("needed");
    const late = dag.node("late", { delay: HOUR }, () => "late");
    const quick = dag.node("quick", () => "quick");
    dag.any("first", { needs: [late, quick] }, (value: string) => value);
    dag.node("also", { needs: [late] }, (value: string) => value);
    const result = dag.run({ mode: "async" });
    await pass(HOUR);
    expect((await result).outputs).toEqual({ first: "quick", also: "late" });
  });
});
