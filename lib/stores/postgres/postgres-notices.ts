import { sql } from "kysely";
import type * as Pg from "pg";
import type { Notices } from "../database/database.js";

/** The channel of all stores of a database. */
const CHANNEL = "dagwright";

/** How long to wait before connecting again, in ms: at first, and at most. */
const FIRST_DELAY = 100;
const MAX_DELAY = 5000;

/** A client of pg, whose types lack a method. */
export type NoticeClient = Pg.Client & { unref(): void };

/** Notices among the clients of a database, by LISTEN and NOTIFY. */
export function postgresNotices(connect: () => NoticeClient): Notices {
  return {
    // A notice is not kept, so its commit does not wait for the disk.
    send: async (db, notice) =>
      void (await sql`select pg_notify(${CHANNEL}, ${notice}), set_config('synchronous_commit', 'off', true)`.execute(
        db,
      )),
    listen: (onNotice) => listen(connect, CHANNEL, onNotice),
  };
}

/**
 * Listens on a channel of a database, see {@link Notices.listen}.
 * @param channel - a plain identifier
 */
export function listen(
  connect: () => NoticeClient,
  channel: string,
  onNotice: (notice: string | undefined) => void,
): () => void {
  const listener = new Listener(connect, channel, onNotice);
  return () => listener.stop();
}

/**
 * A listening connection that reconnects whenever it breaks. It does not keep the process alive. Notices sent while it
 * is broken are lost: once it is back, `onNotice` is called without one.
 */
class Listener {
  private client: NoticeClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private delay = FIRST_DELAY;
  private isStopped = false;

  constructor(
    private readonly connect: () => NoticeClient,
    private readonly channel: string,
    private readonly onNotice: (notice: string | undefined) => void,
  ) {
    this.open();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.close();
  }

  private open(): void {
    const client = (this.client = this.connect());
    const isBroken = () => {
      if (this.client === client) this.openLater();
    };
    client.on("error", isBroken);
    client.on("end", isBroken);
    client.on("notification", ({ payload }) => this.onNotice(payload));
    const listen = async () => {
      await client.connect();
      client.unref();
      await client.query(`listen ${this.channel}`);
      this.delay = FIRST_DELAY;
      if (this.client === client) this.onNotice(undefined);
    };
    listen().catch(isBroken);
  }

  /** Missed notices are made up for by polling, which also reports a database that can't be reached. */
  private openLater(): void {
    this.close();
    if (this.isStopped) return;
    this.timer = setTimeout(() => this.open(), this.delay * (0.5 + Math.random() / 2)).unref();
    this.delay = Math.min(2 * this.delay, MAX_DELAY);
  }

  private close(): void {
    const { client } = this;
    this.client = undefined;
    // It may be broken already.
    client?.end().catch(() => {});
  }
}
