import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { bundled } from "../support/bundled.js";
import { crowd, SLOW } from "../support/crowd.js";
import { type Broker, queueName, useRemote } from "../support/remoted.js";

const WORKERS = 4;

/** What holds for many nodes at a time. @param name - of the broker, for titles */
export function remoteCrowdContract(name: string, broker: Broker, nodes: number): void {
  const script = bundled("crowd");
  const processes: ChildProcess[] = [];
  const folder = mkdtempSync(join(tmpdir(), "dagwright-remote-"));
  afterAll(() => {
    for (const child of processes) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  const work = async (queue: string, concurrency: number) => {
    const child = spawn(
      process.execPath,
      ["--no-warnings", script, JSON.stringify({ ...broker, queue, concurrency, nodes })],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    processes.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    return child;
  };

  describe(`${nodes} nodes through ${name}`, () => {
    it(`are executed once each, by ${WORKERS} workers, and are not held up by a slow backend`, async () => {
      const ledger = join(folder, "ledger");
      writeFileSync(ledger, "");
      const [fast, slow] = [queueName(), queueName()];
      const workers = await Promise.all(Array.from({ length: WORKERS }, () => work(fast, 16)));
      await work(slow, 2);
      const backends = { fast: useRemote({ ...broker, queue: fast }), slow: useRemote({ ...broker, queue: slow }) };
      let completed = 0;
      const run = await crowd(nodes, backends).run({
        mode: "hybrid",
        inputs: { ledger },
        observers: [
          (event) => {
            if (event.type !== "node.completed") return;
            completed++;
            // The slow ones end only then, so they come last.
            if (completed === nodes) writeFileSync(`${ledger}.open`, "");
          },
        ],
      });
      expect(completed).toBe(nodes + SLOW);
      const wrong = Array.from({ length: nodes }, (_, i) => i).filter((i) => run.get(`n${i}`) !== i);
      expect(wrong).toEqual([]);
      const calls = readFileSync(ledger, "utf8").trimEnd().split("\n");
      expect(new Set(calls.map((line) => line.split(" ")[0])).size).toBe(nodes + SLOW);
      expect(calls).toHaveLength(nodes + SLOW);
      const pids = new Set(calls.filter((line) => line.startsWith("n")).map((line) => Number(line.split(" ")[1])));
      expect(pids).toEqual(new Set(workers.map(({ pid }) => pid)));
    });
  });
}
