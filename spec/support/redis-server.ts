import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, it } from "vitest";
import { freePort } from "./free-port.js";
import { until } from "./waiting.js";

/** A Redis server of a spec's own, which loses its data when it ends, unless they are saved. */
export class OwnRedis {
  private process: ChildProcess | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), "dagwright-redis-"));

  private constructor(readonly port: number) {}

  /** One that is not started yet. */
  static async create(): Promise<OwnRedis> {
    return new OwnRedis(await freePort());
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(...more: string[]): Promise<void> {
    const options = ["--port", String(this.port), "--save", "", "--appendonly", "no", "--dir", this.folder, ...more];
    this.process = spawn("redis-server", options, { stdio: "ignore" });
    await until(() => canConnect(this.port));
  }

  /** What it has is there when it is started again. */
  async save(): Promise<void> {
    const redis = new Redis(this.url);
    await redis.save();
    redis.disconnect();
  }

  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (process === undefined) return;
    const ended = once(process, "exit");
    process.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }

  /** Lets it stand still: connections stay, and nothing answers. */
  freeze(): void {
    this.process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.process?.kill("SIGCONT");
  }
}

/** Defines specs that start servers of their own. Without the program, defines one skipped spec that says so. */
export function withOwnRedis(specs: (create: () => Promise<OwnRedis>) => void): void {
  if (spawnSync("redis-server", ["--version"]).status !== 0) {
    return it.skip("no redis-server to start: install Redis, so that it is on the path", () => {});
  }
  const servers: OwnRedis[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.remove()));
  });
  specs(async () => {
    const server = await OwnRedis.create();
    servers.push(server);
    return server;
  });
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => (socket.destroy(), resolve(true)));
    socket.on("error", () => resolve(false));
  });
}
