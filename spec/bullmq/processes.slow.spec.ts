import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { BullmqOptions } from "dagwright/bullmq";
import { bundled } from "../support/bundled.js";
import { withRedis } from "../support/bullmq.js";
import { withPostgres } from "../support/postgres.js";

const script = bundled("serving");
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "dagwright-bullmq-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function outcome(task: string, options: BullmqOptions): Promise<unknown> {
  const path = join(folder, `${Math.random()}`);
  const child = spawn(process.execPath, [
    "--no-warnings",
    script,
    `${path}.db`,
    `${path}.ledger`,
    task,
    JSON.stringify(options),
  ]);
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  const [code, signal] = (await once(child, "close")) as unknown[];
  return { code, signal, output };
}

const END = { code: 0, signal: null, output: "ready\n" };

await withRedis((server) => {
  it("A process ends by itself when its service has nothing to do, and waits for runs from Redis", async () => {
    expect(await outcome("idle", { connection: server.url, prefix: server.prefix() })).toEqual(END);
  });

  it("A process that submits a run ends when it has told Redis, too", async () => {
    const prefix = server.prefix();
    expect(await outcome("submit", { connection: server.url, prefix })).toEqual(END);
    const { hostname: host, port } = new URL(server.url);
    const queue = new Queue("dagwright.begin.slow", { connection: { host, port: Number(port) }, prefix });
    expect((await queue.getJobCounts()).delayed).toBe(1);
    await queue.close();
  });
});

await withPostgres((server) => {
  it("A process ends by itself when its service has nothing to do, and waits for runs from BullMQ's Postgres", async () => {
    expect(await outcome("idle", { connection: server.url })).toEqual(END);
  });
});
