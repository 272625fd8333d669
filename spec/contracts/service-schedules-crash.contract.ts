import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Dag } from "dagwright";
import { bundled } from "../support/bundled.js";
import { useServices } from "../support/services.js";
import type { OpenSubject } from "../support/store-subjects.js";
import { until } from "../support/waiting.js";

const KILLS = 12;
const INTERVAL = 250;

/** What schedules guarantee on every store when the services that fire them are killed. */
export function serviceSchedulesCrashContract(name: string, connect: () => Promise<OpenSubject>): void {
  describe(`Schedules in ${name} whose services are killed`, () => {
    const script = bundled("scheduling");
    const folder = mkdtempSync(join(tmpdir(), "dagwright-schedules-"));
    const ledger = join(folder, "ledger");
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    let subject: OpenSubject;
    const { service } = useServices(async () => (subject = await connect()));

    async function start(): Promise<ChildProcess> {
      const options = subject.queueOptions?.();
      const args = [subject.address(), ledger, String(INTERVAL), ...(options ? [JSON.stringify(options)] : [])];
      const child = spawn(process.execPath, [script, ...args], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((resolve) => child.stdout!.once("data", resolve));
      return child;
    }

    const ended = (child: ChildProcess) => new Promise((resolve) => child.once("exit", resolve));
    const ran = () => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []);

    it("submit a run for every time, and only one", async () => {
      const children = [await start(), await start()];
      for (let kill = 0; kill < KILLS; kill++) {
        const before = ran().length;
        await until(() => ran().length > before + (kill % 4));
        const [victim] = children.splice(kill % 2, 1);
        victim.kill("SIGKILL");
        await ended(victim);
        // Now and then, nobody is left for a while.
        if (kill % 3 === 0) {
          const [other] = children.splice(0);
          other.kill("SIGKILL");
          await ended(other);
          children.push(await start());
        }
        children.push(await start());
      }
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map(ended));
      const ticks = new Dag<any>("ticks");
      ticks.node("tick", () => {});
      const last = service({ workflows: [ticks] });
      await last.start();
      await until(async () => (await last.schedules())[0].next!.getTime() > Date.now());
      await last.unschedule("often");
      const runs = async () => (await last.list({ limit: 1000 })).runs;
      await until(async () => (await runs()).every(({ status }) => status === "completed"));
      const ids = (await runs()).map(({ runId }) => runId).sort();
      const first = Date.parse(ids[0].slice("often@".length));
      expect(ids).toEqual(ids.map((_, i) => `often@${new Date(first + i * INTERVAL).toISOString()}`));
      expect(ran().filter((id) => !ids.includes(id))).toEqual([]);
    }, 300_000);
  });
}
