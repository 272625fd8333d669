import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Outbox } from "../../samples/orders-service/outbox.js";
import { until } from "../support/waiting.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** How long the shop's days take, in ms. */
const DAY = 50;
/** For orders that must not expire, however slow the machine is. */
const YEARS = 1_000_000;

let folder: string;
const processes: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-shop-"));
});
afterAll(() => {
  for (const process of processes) process.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the shop; resolves when it listens. */
async function open() {
  const args = ["--import", "tsx", "samples/orders-service.ts", "--folder", folder, "--day", String(DAY)];
  const shop = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  processes.push(shop);
  const ended = once(shop, "close");
  let output = "";
  for (const stream of [shop.stdout, shop.stderr]) stream.on("data", (text) => (output += String(text)));
  const address = () => /^listening on (\S+)$/mu.exec(output)?.[1];
  await until(() => address() !== undefined || shop.exitCode !== null);
  const url = address();
  if (url === undefined) throw new Error(`The shop did not open: ${output}`);
  const post = async (path: string, body: object) => {
    const headers = { "content-type": "application/json" };
    return (await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body), headers })).status;
  };
  return {
    place: (order: string, daysToPay?: number) => post("/orders", { order, total: 10, daysToPay }),
    pay: (order: string) => post("/webhooks/payments", { delivery: `payment of ${order}`, order, amount: 10 }),
    get: async (order: string): Promise<any> => (await fetch(`${url}/orders/${order}`)).json(),
    async end(signal: NodeJS.Signals) {
      shop.kill(signal);
      await ended;
    },
  };
}

describe("A shop that is killed while it takes payments", () => {
  const paid = Array.from({ length: 20 }, (_, i) => `paid-${i}`);
  const unpaid = Array.from({ length: 8 }, (_, i) => `unpaid-${i}`);

  it("ends every order right, and once, when it is opened again", async () => {
    const killed = await open();
    await Promise.all(unpaid.map((order) => killed.place(order)));
    for (const order of paid) expect(await killed.place(order, YEARS)).toBe(202);
    const payments = paid.map((order) => killed.pay(order));
    expect(await Promise.race(payments)).toBe(204);
    await killed.end("SIGKILL");
    await Promise.allSettled(payments);

    const shop = await open();
    // Clients and providers ask again for all that they had no answer to, and sometimes for more.
    for (const order of paid) expect(await shop.place(order, YEARS)).toBe(200);
    for (const order of paid) expect(await shop.pay(order)).toBe(204);
    const orders = [...paid, ...unpaid];
    for (const order of orders) await until(async () => (await shop.get(order)).status === "completed");
    const ends = await Promise.all(orders.map(async (order) => (await shop.get(order)).end));
    expect(ends).toEqual([...paid.map(() => "shipped"), ...unpaid.map(() => "expired")]);
    await shop.end("SIGTERM");

    const { letters } = new Outbox(join(folder, "outbox"));
    const reminders = (order: string) => letters.filter((letter) => letter === `${order}: please pay 10 €`).length;
    const others = letters.filter((letter) => !letter.includes("please pay"));
    const expected = [...paid.map((order) => `${order}: shipped`), ...unpaid.map((order) => `${order}: expired`)];
    expect(others.sort()).toEqual(expected.sort());
    for (const order of unpaid) expect(reminders(order)).toBe(1);
    for (const order of paid) expect(reminders(order)).toBeLessThanOrEqual(1);
  });
});
