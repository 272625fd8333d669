import { Kysely, type Dialect } from "kysely";
import { StoreError } from "../base/errors.js";
import { messageOf } from "../base/message.js";
import type { CacheStore } from "../definition/policy-options.js";
import { Codec, type StoredType } from "./codec.js";
import { migrate, type Tables } from "./schema.js";
import { SqlCache } from "./sql-cache.js";

export interface StoreOptions {
  /** Classes whose instances may be stored, by the name under which they are. */
  types?: Readonly<Record<string, StoredType>>;
}

/** A SQL database that keeps what dagwright is told to. It is opened, and its tables made, at the first use. */
export class SqlStore {
  /** For `cache: { store: store.cache }`: results that survive a restart. */
  readonly cache: CacheStore;
  private opened: Promise<Kysely<Tables>> | undefined;
  private isClosed = false;

  /** @internal */
  constructor(
    private readonly connect: () => Dialect,
    { types }: StoreOptions,
  ) {
    this.cache = new SqlCache(() => this.open(), new Codec(types));
  }

  /** Closes the database; what is asked of the store afterwards is refused. Calling it again changes nothing. */
  async close(): Promise<void> {
    this.isClosed = true;
    const { opened } = this;
    this.opened = undefined;
    await (await opened?.catch(() => undefined))?.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private open(): Promise<Kysely<Tables>> {
    if (this.isClosed) return Promise.reject(new StoreError("The store is closed. Make a new one."));
    if (this.opened === undefined) {
      const opening = this.openNow();
      this.opened = opening;
      // The next use tries again.
      opening.catch(() => {
        if (this.opened === opening) this.opened = undefined;
      });
    }
    return this.opened;
  }

  private async openNow(): Promise<Kysely<Tables>> {
    const db = new Kysely<Tables>({ dialect: this.connect() });
    try {
      await migrate(db);
      return db;
    } catch (cause) {
      await db.destroy();
      if (cause instanceof StoreError) throw cause;
      throw new StoreError(`The store's tables can't be made: ${messageOf(cause)}.`, "STORE", { cause });
    }
  }
}
