import { afterEach, describe, expect, it } from "vitest";
import { Client } from "dagwright/service";
import { bundled } from "../support/bundled.js";
import { Fleet, isFull, Ledger, type Line } from "../support/chaos.js";
import { ended, expectNoneRepeated, expectOneResultEach } from "../support/mail-results.js";
import type { MailSettings } from "../support/mail-process.js";
import { type Broker, queueName } from "../support/remoted.js";
import { seeded } from "../support/seeded.js";
import { sleep } from "../support/waiting.js";
import type { SharedStore } from "./remote-recovering.contract.js";

const SEED = isFull ? Date.now() : 17;
const RUNS = isFull ? 1000 : 200;
/** Every fourth run is one of the drivers. */
const DRIVERS = 2;
const LEASE = 2500;
const LIMIT = 600_000;

/** What holds when workers, drivers and services are killed. @param name - of the broker, for titles */
export function remoteChaosContract(name: string, broker: Broker, shared: () => SharedStore): void {
  const script = bundled("mail-process");
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  describe(`Runs with remote nodes through ${name}, whose workers, drivers and services are killed`, () => {
    it(
      `all end, with one result of each node (seed ${SEED})`,
      async () => {
        const { database, store } = shared();
        const ledger = new Ledger();
        const fleet = new Fleet(script, database, ledger);
        const client = new Client({ store });
        open.push({ close: () => ledger.remove() }, client, fleet);
        const random = seeded(SEED);
        const ids = Array.from({ length: RUNS }, (_, i) => (i % 4 === 3 ? `letter-${i}` : `parcel-${i}`));
        const letters = ids.filter((id) => id.startsWith("letter"));
        const common = { broker: { ...broker, queue: queueName() }, lease: LEASE };
        const roles: MailSettings[] = [
          ...Array.from({ length: 3 }, () => ({ ...common, role: "worker" as const })),
          ...Array.from({ length: 2 }, () => ({ ...common, role: "service" as const })),
          ...Array.from({ length: DRIVERS }, (_, n) => ({
            ...common,
            role: "driver" as const,
            runs: letters.filter((_, i) => i % DRIVERS === n),
          })),
        ];
        const processes = await Promise.all(roles.map((settings) => fleet.start(settings)));
        const parcels = ids.filter((id) => id.startsWith("parcel"));
        await Promise.all(parcels.map((runId) => client.submit("parcels", { runId })));

        const countShipped = () => ledger.lines().filter(({ call }) => call.startsWith("ship:")).length;
        const kills: string[] = [];
        for (let next = 5; next < RUNS; next += 5 + random(15)) {
          while (countShipped() < next) await sleep(20);
          const victim = random(roles.length);
          kills.push(roles[victim].role);
          await fleet.kill(processes[victim]);
          processes[victim] = await fleet.start(roles[victim]);
        }
        const runs = await ended(store, ids);
        expect(fleet.errors).toBe("");
        expect(new Set(kills)).toEqual(new Set(["worker", "service", "driver"]));
        const told = ledger.byRun();
        for (const { runId, status, attempts, outputs } of runs) {
          expect([runId, status]).toEqual([runId, "completed"]);
          const lines = told.get(runId) as Line[];
          expectOneResultEach(runId, lines, outputs.ship as string);
          for (const node of ["weigh", "label"]) {
            const failed = attempts.filter((attempt) => attempt.node === node && attempt.status === "failed");
            expectNoneRepeated(node, lines, failed.length);
          }
        }
      },
      LIMIT,
    );
  });
}
