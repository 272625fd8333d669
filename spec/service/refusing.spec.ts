import { describe, expect, it } from "vitest";
import { Dag, Fsm, waitForEvent } from "dagwright";
import { z } from "zod";
import { Service } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { failure, until } from "../support/waiting.js";

function ordersOf(node = "total") {
  const dag = new Dag("orders");
  dag.node(node, (amount: number) => amount);
  return dag;
}

class Plain {
  total() {}
}

/** The message of what a function throws, or a promise rejects with. */
const messageOf = (work: () => unknown) => failure((async () => work())()).then(({ message }) => message as string);

describe("Services and clients", () => {
  const { another, client, service } = useServices(sqliteSubject);

  it("say that their store is closed, whatever they are asked", async () => {
    const orders = ordersOf();
    const store = another();
    const asking = client({ store, workflows: [orders] });
    const inputs = { amount: 1 };
    const run = await asking.submit(orders, { inputs });
    await store.close();
    const asked = [
      asking.submit(orders, { inputs }),
      asking.get(run),
      asking.list(),
      asking.events(run).next(),
      asking.send(run, "PAID"),
      asking.cancel(run),
      asking.pause(run),
      asking.resume(run),
      asking.replay(run, { rerun: ["total"] }),
      asking.delete(run),
      run.result(),
      asking.schedule("often", orders, { every: 1000, inputs }),
      asking.schedules(),
      asking.trigger("often"),
    ].map(failure);
    for (const { message } of await Promise.all(asked)) expect(message).toBe("The store is closed. Create a new one.");
  });

  it("say where they were given what is no workflow", async () => {
    const orders = ordersOf();
    const rule =
      "must be a dag, an fsm, an annotated class, an instance of one, or a function that returns one of these";
    const given: readonly (readonly [() => unknown, string, string])[] = [
      [() => client({ workflows: [orders, Plain] }), "workflows[1]", "function Plain"],
      [() => client({ workflows: [undefined as never] }), "workflows[0]", "undefined"],
      [() => service({ workflows: [{}] }), "workflows[0]", "an object (Object)"],
      [() => service({ workflows: [orders], versions: [ordersOf("sum"), Plain] }), "versions[1]", "function Plain"],
      [() => client().submit(Plain), "workflow", "function Plain"],
      [() => client().submit(new Proxy(Plain, {})), "workflow", "function Plain"],
      [() => client().submit(Map as never), "workflow", "function Map"],
      [() => client().submit(undefined as never), "workflow", "undefined"],
      [() => client().schedule("nightly", () => Plain, { every: 1000 }), "workflow", "function Plain"],
    ];
    for (const [work, option, received] of given) {
      expect(await messageOf(work)).toBe(`"${option}" ${rule}; received ${received}.`);
    }
    expect(await messageOf(() => client({ workflows: [orders, ""] }))).toContain('"workflows[1]" must be a non-empty');
    expect(await messageOf(() => client().submit(""))).toContain('"workflow" must be a non-empty');
  });

  it("name the option that names no workflow of theirs", async () => {
    const workflows = [ordersOf()];
    const rate = { ordres: { limit: 1, interval: 1000 } };
    expect(await messageOf(() => service({ workflows, limits: { ordres: 1 } }))).toBe(
      '"limits" names "ordres", which is no workflow of the service. Did you mean "orders"?',
    );
    expect(await messageOf(() => service({ workflows, rate }))).toContain('"rate" names "ordres"');
  });

  it("refuse what has no names where options, or values by name, are expected", async () => {
    const orders = ordersOf();
    const store = another();
    const workflows = [orders];
    const map = new Map([["orders", 1]]) as never;
    const serving = service({ workflows });
    const work: readonly (readonly [() => unknown, string])[] = [
      [() => new Service(map), "The options of a service must be an object"],
      [() => new Service({ store, workflows, limits: map }), '"limits" must be an object'],
      [() => new Service({ store, workflows, rate: map }), '"rate" must be an object'],
      [() => new Service({ store, workflows, signals: map }), 'The options of "signals" must be an object'],
      [() => sqliteStore(":memory:", map), "The options of a store must be an object"],
      [() => sqliteStore(":memory:", { types: map }), '"types" must be an object'],
      [() => serving.submit(orders, map), "The options of submit must be an object"],
      [() => serving.submit(orders, { inputs: map }), '"inputs" must be an object'],
      [() => serving.submit(orders, { metadata: map }), '"metadata" must be an object'],
      [() => serving.resume("id", { provide: map }), '"provide" must be an object'],
      [() => serving.list(map), "must be an object"],
      [() => serving.stop(map), "The options of stop must be an object"],
      [
        () => serving.schedule("often", orders, { every: 1, inputs: map }),
        '"inputs" of schedule "often" must be an object',
      ],
    ];
    for (const [attempt, message] of work) expect(await messageOf(attempt)).toContain(message);
    await store.close();
  });

  it("refuse schedules whose last time is over", async () => {
    const orders = ordersOf();
    const serving = service({ workflows: [orders] });
    const scheduling = (year: number) =>
      serving.schedule("once", orders, { cron: `0 0 3 1 1 * ${year}`, inputs: { amount: 1 } });
    expect(await messageOf(() => scheduling(2020))).toBe(
      '"cron" of schedule "once" must have a time to come; received "0 0 3 1 1 * 2020", whose last one is over. Name a later year, or none.',
    );
    await scheduling(2090);
    expect(await serving.schedules()).toMatchObject([{ name: "once", next: new Date("2090-01-01T03:00Z") }]);
  });

  it("send a dag inside an fsm its events, and refuse those that none of its nodes waits for", async () => {
    const inner = new Dag("inner");
    inner.event("PAID", { schema: z.number() }, (amount: number) => amount);
    const outer = new Fsm("outer");
    outer.state("open", { initial: true }, () => waitForEvent({ GO: "ask" }));
    outer.state("ask", inner);
    outer.addTransition("ask", "done");
    outer.state("done", { terminal: true }, (amount: number) => amount + 1);
    const around = new Dag("around");
    around.node("in", outer);
    const serving = service({ workflows: [outer, around] });
    await serving.start();
    for (const [name, way] of [
      ["outer", ""],
      ["around", "in."],
    ] as const) {
      const run = await serving.submit(name);
      await until(async () => (await serving.get(run))?.status === "waiting");
      expect(await messageOf(() => serving.send(run, `${way}ask.PIAD`, 1))).toContain(
        `waits for the event "${way}ask.PIAD". Did you mean "${way}ask.PAID"?`,
      );
      expect(await messageOf(() => serving.send(run, `${way}ask.PAID`, "much"))).toContain("is invalid");
      expect(await messageOf(() => serving.send(run, `${way}ask.PAID`, 1))).toContain(
        'The state "ask" has begun no run that could take the event "PAID"',
      );
      await serving.send(run, `${way}GO`);
      await until(
        async () =>
          (await failure(serving.send(run, `${way}ask.PAID`, 6).then(() => Promise.reject("sent")))) === "sent",
      );
      expect((await run.result()).status).toBe("completed");
      expect(Object.values((await serving.get(run))!.outputs)).toEqual([7]);
    }
  });

  it("submit runs of the version that is given, if they have it, and schedule only the current one", async () => {
    const [former, current, foreign] = [ordersOf("sum"), ordersOf("total"), ordersOf("other")];
    const serving = service({ workflows: [current], versions: [former] });
    await serving.start();
    const inputs = { amount: 1 };
    expect((await (await serving.submit(former, { inputs })).result()).outputs).toEqual({ sum: 1 });
    expect((await (await serving.submit(current, { inputs })).result()).outputs).toEqual({ total: 1 });
    expect(await messageOf(() => serving.submit(foreign, { inputs }))).toBe(
      'The service has another workflow named "orders" than the given one. Pass the one that it was made with, list it among "versions", or pass the name.',
    );
    expect(await messageOf(() => serving.schedule("nightly", former, { cron: "@daily", inputs }))).toBe(
      'The runs of a schedule are of the current version of "orders", and the given one is an earlier one. Pass the current one, or the name.',
    );
    await serving.schedule("nightly", ordersOf("total"), { cron: "@daily", inputs });
    const [same, other] = [ordersOf(), ordersOf()];
    const twice = service({ workflows: [same], versions: [other] });
    expect(await messageOf(() => twice.submit(other, { inputs }))).toContain("Pass the current one.");
  });
});
