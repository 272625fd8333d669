/**
 * A small shop as an HTTP service, on SQLite: orders wait for the webhook of a payment provider, remind after a day, and
 * expire after three; every night there is a report. `kill -9` it when you like: it goes on where it was.
 *
 * `npx tsx samples/orders-service.ts --folder data --port 3000` serves until SIGTERM, with days of 24 hours (or of
 * `--day 60000` ms). Without a folder, it shows itself in a temporary one, with days of half a second, and prints:
 *
 *     shipped
 *     please pay 20 €
 *     shipped, balance -5 €
 *     please pay 30 €
 *     expired
 *     paying A-3 now: 409
 *     report: 2 shipped, 1 expired, 0 open
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openShop } from "./orders-service/shop.js";

const { values } = parseArgs({
  options: { folder: { type: "string" }, port: { type: "string" }, day: { type: "string" } },
});

if (values.folder === undefined) await show();
else {
  const nightly = { cron: "0 3 * * *", timezone: "Europe/Berlin" };
  const { folder, port = "0", day = "86400000" } = values;
  const { url } = await openShop({ folder, port: Number(port), day: Number(day), nightly });
  console.log(`listening on ${url}`);
}

/** What customers and their payment provider do. */
async function show(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "dagwright-"));
  const day = 500;
  const shop = await openShop({ folder, port: 0, day, nightly: { every: day } });
  const post = (path: string, body: object) =>
    fetch(`${shop.url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
  const letter = async (text: string) => {
    while (!shop.outbox.letters.includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(text);
  };

  await post("/orders", { order: "A-1", total: 10 });
  for (let i = 0; i < 2; i++) await post("/webhooks/payments", { delivery: "d-1", order: "A-1", amount: 10 });
  await letter("A-1: shipped");

  await post("/orders", { order: "A-2", total: 20, daysToPay: 30 });
  await letter("A-2: please pay 20 €");
  await post("/webhooks/payments", { delivery: "d-2", order: "A-2", amount: 15 });
  await letter("A-2: shipped, balance -5 €");

  await post("/orders", { order: "A-3", total: 30 });
  await letter("A-3: please pay 30 €");
  await letter("A-3: expired");
  await shop.service.get("A-3").then((order) => order?.result());
  const late = await post("/webhooks/payments", { delivery: "d-3", order: "A-3", amount: 30 });
  console.log(`paying A-3 now: ${late.status}`);

  const report = await shop.service.trigger("nightly");
  console.log(`report: ${String((await report.result()).get("send"))}`);
  await shop.close();
  rmSync(folder, { recursive: true });
}
