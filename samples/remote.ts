/**
 * Nodes on workers: one process drives a run that compresses the pages of a site, and passes each page to one of two
 * workers, through Redis. `npx tsx samples/remote.ts` starts all of them on this machine, with a SQLite file as the store,
 * and the Redis that REDIS_URL names, or one of its own, for which it needs the program redis-server. It prints:
 *
 *     35 pages, compressed by 2 workers
 *
 * `docker compose -f samples/remote/compose.yaml up --build` starts them in containers, with Postgres as the store and the
 * studio beside, whose link it prints. The driver writes the pages to its folder /tmp/site.
 */
import { fork, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "dagwright-"));
const env: NodeJS.ProcessEnv = { STORE: join(folder, "runs.db"), ...process.env };
const children: ChildProcess[] = [];

if (env.REDIS_URL !== undefined || spawnSync("redis-server", ["--version"]).status === 0) {
  try {
    env.REDIS_URL ??= await startRedis();
    await Promise.all([isReady(start("worker")), isReady(start("worker"))]);
    const [code] = (await once(start("driver"), "exit")) as [number | null];
    process.exitCode = code ?? 1;
  } finally {
    await stop();
  }
} else {
  console.error("This needs Redis: install redis-server, or name a running one: REDIS_URL=redis://localhost:6379");
  process.exitCode = 1;
}
rmSync(folder, { recursive: true });

/** Starts a program of the folder `remote`. */
function start(name: string): ChildProcess {
  const child = fork(fileURLToPath(new URL(`remote/${name}.ts`, import.meta.url)), { env });
  children.push(child);
  return child;
}

async function isReady(worker: ChildProcess): Promise<void> {
  await Promise.race([once(worker, "message"), once(worker, "exit")]);
  if (worker.exitCode !== null) throw new Error("A worker ended before it was ready.");
}

/** Starts a Redis that keeps nothing; resolves to its address when it listens. */
async function startRedis(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  const redis = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
  children.unshift(redis);
  for await (const text of redis.stdout) if (String(text).includes("Ready to accept connections")) break;
  return `redis://127.0.0.1:${port}`;
}

/** Ends all processes, Redis last. */
async function stop(): Promise<void> {
  for (const child of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}
