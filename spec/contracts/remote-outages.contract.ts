import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { remote, worker, type BullmqConnection } from "dagwright/bullmq";
import { Dag } from "dagwright";
import { Service } from "dagwright/service";
import type { SqlStore } from "dagwright/store";
import { bundled } from "../support/bundled.js";
import { Fleet, Ledger, type Line } from "../support/chaos.js";
import { guarded } from "../support/guarded.js";
import { mail } from "../support/mail.js";
import { ended, expectOneResultEach } from "../support/mail-results.js";
import { placedOn } from "../support/placed.js";
import { startProxy } from "../support/proxy.js";
import { countJobs, queueName } from "../support/remoted.js";
import { refuseUnhandledRejections } from "../support/unhandled.js";
import { until } from "../support/waiting.js";

const LEASE = 2000;
const RUNS = 60;

/** A broker that a spec may restart, and a store beside it. */
export interface OwnBroker {
  readonly port: number;
  /** @param port - of the broker, or of a proxy to it */
  readonly connection: (port: number) => BullmqConnection;
  /** Ways to restart it, by what they are called. */
  readonly restarts: Readonly<Record<string, () => Promise<void>>>;
  readonly store: SqlStore;
  readonly close: () => Promise<void>;
}

/** What holds when a broker can't be reached for a while. @param start - a new broker for each spec */
export function remoteOutagesContract(
  broker: string,
  restarts: readonly string[],
  start: () => Promise<OwnBroker>,
): void {
  const guarding = bundled("guarded-worker");
  const mailing = bundled("mail-process");
  const open: (() => unknown)[] = [];
  const warnings: string[] = [];
  let own: OwnBroker;
  refuseUnhandledRejections();
  beforeEach(async () => {
    warnings.length = 0;
    vi.spyOn(process, "emitWarning").mockImplementation((text) => void warnings.push(String(text)));
    own = await start();
  });
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
    await own.close();
    vi.restoreAllMocks();
  });

  describe(`Remote nodes through ${broker}`, () => {
    it.each(restarts)("complete all runs of a service when it is restarted %s in the middle of them", async (how) => {
      const { store, connection, port } = own;
      const ledger = new Ledger();
      const settings = { broker: { connection: connection(port), queue: queueName() }, lease: LEASE };
      const fleet = new Fleet(mailing, "none", ledger);
      const backend = remote({ ...settings.broker, lease: LEASE });
      const service = new Service({ store, workflows: [mail(ledger.path, backend).parcels], pollInterval: 50 });
      open.push(
        () => ledger.remove(),
        () => backend.close(),
        () => fleet.close(),
        () => service.close({ grace: 0 }),
      );
      await Promise.all([1, 2].map(() => fleet.start({ ...settings, role: "worker" })));
      await service.start();
      const ids = Array.from({ length: RUNS }, (_, i) => `parcel-${i}`);
      await Promise.all(ids.map((runId) => service.submit("parcels", { runId })));
      const shipped = (n: number) => ledger.lines().filter(({ call }) => call.startsWith("ship:")).length >= n;
      for (const n of [5, 25]) {
        await until(() => shipped(n));
        await own.restarts[how]();
      }
      const told = async () => {
        const runs = await ended(store, ids);
        const byRun = ledger.byRun();
        for (const { runId, status, outputs } of runs) {
          expect([runId, status]).toEqual([runId, "completed"]);
          expectOneResultEach(runId, byRun.get(runId) as Line[], outputs.ship as string);
        }
      };
      await told();
    });

    it("enqueue what is ready meanwhile when it is back, also without a retry", async () => {
      const proxy = await startProxy(own.port);
      const queue = queueName();
      const dag = new Dag<any>("late");
      dag.node("late", (n: number) => n + 1);
      const working = worker({ connection: own.connection(own.port), queue, workflows: [dag], lease: LEASE });
      const backend = remote({ connection: own.connection(proxy.port), queue, lease: LEASE });
      open.push(
        () => proxy.close(),
        () => backend.close(),
        () => working.close(),
      );
      const placed = placedOn(dag, () => backend);
      const run = (n: number) => placed.run({ mode: "hybrid", inputs: { n } });
      expect((await run(1)).get("late")).toBe(2);
      proxy.isolate("with resets");
      const meanwhile = Promise.all([1, 2, 3].map(run));
      await until(() => warnings.length > 0);
      proxy.rejoin();
      expect((await meanwhile).map((result) => result.get("late"))).toEqual([2, 3, 4]);
    });

    it.each([
      ["workers", "silently"],
      ["workers", "with resets"],
      ["runs", "silently"],
      ["runs", "with resets"],
    ] as const)("go on when its %s were cut off %s for a while", async (who, how) => {
      const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
      const file = join(folder, "ledger");
      writeFileSync(file, "");
      const [near, far] = await Promise.all([startProxy(own.port), startProxy(own.port)]);
      const queue = queueName();
      const options = JSON.stringify({ connection: own.connection(far.port), queue, lease: LEASE });
      const child: ChildProcess = spawn(process.execPath, ["--no-warnings", guarding, options], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const backend = remote({ connection: own.connection(near.port), queue, lease: LEASE });
      open.push(
        () => rmSync(folder, { recursive: true }),
        () => Promise.all([near.close(), far.close()]),
        () => backend.close(),
        () => child.kill("SIGKILL"),
      );
      await once(child.stdout as NodeJS.ReadableStream, "data");
      const lines = () => readFileSync(file, "utf8").split("\n").slice(0, -1);
      const dag = placedOn(guarded, () => backend).configureNode("guarded", { retry: { retries: 50, delay: 0 } });
      let lost = 0;
      const run = (gate: string) =>
        dag.run({
          mode: "hybrid",
          inputs: { file, gate },
          observers: [({ type }) => (lost += Number(type === "attempt.failed"))],
        });
      const first = run("a");
      await until(() => lines().some((line) => line.startsWith("a begun")));
      const proxy = who === "workers" ? far : near;
      proxy.isolate(how);
      writeFileSync(`${file}.a`, "");
      await until(() => lines().some((line) => line.startsWith("a ended")));
      // What happens meanwhile: a run gives its workers up, or these complete what nobody hears of.
      const isDone = async () => (await countJobs({ connection: own.connection(own.port) }, queue, "completed")) === 1;
      await until(who === "workers" ? () => lost > 0 : isDone);
      proxy.rejoin();
      writeFileSync(`${file}.b`, "");
      expect((await first).get("guarded")).toBe(child.pid);
      expect((await run("b")).get("guarded")).toBe(child.pid);
      expect(warnings.filter((text) => !text.includes("can't be reached"))).toEqual([]);
    });
  });
}
