import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { Dag, DagwrightError } from "dagwright";
import { Service, type ScheduleOptions } from "dagwright/service";
import { sqliteStore } from "dagwright/store";
import { Hono } from "hono";
import { z } from "zod";
import { NightlyReport } from "./nightly-report.js";
import { Order, Orders, Payment } from "./orders.js";
import { Outbox } from "./outbox.js";

export interface ShopOptions {
  /** Where the database and the outbox are. */
  readonly folder: string;
  /** How long a day takes, in ms. */
  readonly day: number;
  /** 0 for any free one. */
  readonly port: number;
  /** When the report is made. */
  readonly nightly: ScheduleOptions;
}

const Delivery = Payment.extend({ delivery: z.string().min(1), order: z.string().min(1) });

/** The statuses of what is refused. Whatever else goes wrong is the server's fault. */
function statusOf(error: Error): 400 | 404 | 409 | 500 {
  if (error instanceof z.ZodError || error instanceof SyntaxError) return 400;
  const code = error instanceof DagwrightError ? error.code : undefined;
  if (code === "NOT_FOUND") return 404;
  // Another order of this id; a payment for an order that is over, or has one.
  return code === "KEY_CONFLICT" || code === "RUN_ENDED" || code === "EXECUTION" ? 409 : 500;
}

/** Opens the shop: a service that drives its orders, and an HTTP server that submits them and takes payments. */
export async function openShop({ folder, day, port, nightly }: ShopOptions) {
  const store = sqliteStore(join(folder, "shop.db"));
  const outbox = new Outbox(join(folder, "outbox"));
  const orders = Dag.from(new Orders(outbox, day));
  const report = Dag.from(new NightlyReport(store, outbox));
  const service = new Service({ store, workflows: [orders, report], concurrency: 20, signals: true });
  await service.start();
  await service.schedule("nightly", report, nightly);

  const app = new Hono();
  app.post("/orders", async (request) => {
    const inputs = Order.parse(await request.req.json());
    // With a key, a client that has lost the answer can ask again.
    const { isNew } = await service.submit(orders, { inputs, key: inputs.order, runId: inputs.order });
    return request.json({ order: inputs.order }, isNew ? 202 : 200);
  });
  app.get("/orders/:order", async (request) => {
    const found = await service.get(request.req.param("order"));
    if (found?.workflow !== "orders") return request.json({ error: "There is no such order." }, 404);
    const { status, waitingFor, outputs } = found;
    return request.json({ status, waitingFor: waitingFor?.events ?? [], end: outputs.end });
  });
  app.post("/webhooks/payments", async (request) => {
    const { delivery, order, amount } = Delivery.parse(await request.req.json());
    // Payment providers deliver at least once: the key makes that once. When this resolves, the payment is recorded.
    await service.send(order, "PAID", { amount }, { key: delivery });
    return request.body(null, 204);
  });
  app.get("/health", async (request) => request.json(await service.health()));
  app.onError((error, request) => request.json({ error: error.message }, statusOf(error)));

  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const listening = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, () => resolve(listening));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    service,
    outbox,
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await service.close();
      await store.close();
    },
  };
}
