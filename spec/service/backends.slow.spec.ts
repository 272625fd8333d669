import { afterAll, describe, expect, it } from "vitest";
import { Dag, type Backend, type Backends, type Context } from "dagwright";
import { rpc, serveNodes } from "dagwright/backends";
import { withRedis } from "../support/bullmq.js";
import { closeRemotes, queueName, useRemote, useWorker } from "../support/remoted.js";
import { useServices } from "../support/services.js";
import { sqliteSubject } from "../support/store-subjects.js";
import { gate, until } from "../support/waiting.js";

/** What each process has of the workflow; nodes say where their function was called. */
function ordersAt(place: string, backends?: Backends, weigh: (ctx: Context) => unknown = () => place) {
  const dag = new Dag<any>("orders", backends === undefined ? {} : { backends });
  dag.node("weigh", { backend: "scales", retry: { retries: 5, delay: 0 }, params: ["ctx"] }, weigh);
  dag.node("price", { backend: "prices", needs: ["weigh"] }, (weigh: string) => `${weigh}, ${place}`);
  dag.node("order", { needs: ["price"] }, (price: string) => `${price}, ${place}`);
  return dag;
}

const server = await serveNodes(ordersAt("server"));
const opened: Backend[] = [];
afterAll(async () => {
  await Promise.all(opened.map((backend) => backend.close?.()));
  await server.close();
});
const prices = () => {
  const backend = rpc(`${server.url}/orders`, { node: "price" });
  opened.push(backend);
  return backend;
};

await withRedis((redis) => {
  describe("A service whose runs have nodes on workers and servers", () => {
    const { client, service, another } = useServices(sqliteSubject);
    closeRemotes();
    const broker = () => ({ connection: redis.url, prefix: redis.prefix(), queue: queueName(), lease: 1500 });

    it("drives them to their end, also those of clients that have no such backends", async () => {
      const at = broker();
      useWorker({ ...at, workflows: [ordersAt("worker")] });
      const orders = ordersAt("service", { scales: useRemote(at), prices: prices() });
      await service({ workflows: [orders] }).start();
      const submitting = client({ workflows: [ordersAt("client")] });
      const runs = await Promise.all(Array.from({ length: 10 }, () => submitting.submit("orders")));
      const results = await Promise.all(runs.map((run) => run.result()));
      expect(new Set(results.map(({ value }) => value))).toEqual(new Set(["worker, server, service"]));
    });

    it("gives what workers execute back when it is stopped, and the next one has it executed again", async () => {
      const at = broker();
      const calls: string[] = [];
      const { opened: isOpen, open } = gate();
      const weigh = async ({ signal }: Context) => {
        calls.push("begun");
        signal.addEventListener("abort", () => calls.push("aborted"));
        await isOpen;
        return "worker";
      };
      useWorker({ ...at, workflows: [ordersAt("worker", undefined, weigh)], concurrency: 4 });
      const serving = (place: string) =>
        service({ workflows: [ordersAt(place, { scales: useRemote(at), prices: prices() })], store: another() });
      const first = serving("first");
      await first.start();
      const run = await client().submit("orders");
      await until(() => calls.length === 1);
      await first.stop({ grace: 0 });
      await until(() => calls.includes("aborted"));
      await serving("second").start();
      await until(() => calls.length === 3);
      open();
      expect((await run.result()).value).toBe("worker, server, second");
      expect(calls).toEqual(["begun", "aborted", "begun"]);
    });
  });
});
