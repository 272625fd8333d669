import { afterAll, afterEach, beforeEach } from "vitest";
import type { SqlStore, StoreOptions } from "dagwright/store";

/** A kind of store, on a database that is empty before each spec. */
export interface StoreSubject {
  /** Another store on the same database, as another process would have it. */
  open(options?: StoreOptions): SqlStore;
  /** Executes a statement on the side. */
  execute(statement: string): Promise<void>;
  /** Counts rows on the side. */
  count(table: string): Promise<number>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Gives the specs of a block stores on one database, which is emptied before each of them; closes all stores behind it. */
export function useStores(connect: () => Promise<StoreSubject>) {
  let subject: StoreSubject;
  const open: SqlStore[] = [];
  beforeEach(async () => {
    subject ??= await connect();
    await subject.reset();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
  });
  afterAll(() => subject?.close());

  const endLeases = () => subject.execute("update runs set lease_expires_at = 0 where lease_expires_at is not null");
  return {
    another: (options?: StoreOptions): SqlStore => {
      const made = subject.open(options);
      open.push(made);
      return made;
    },
    execute: (statement: string) => subject.execute(statement),
    count: (table: string) => subject.count(table),
    endLeases,
    /** The process of a store is gone, and its leases are over. */
    crash: async (crashed: SqlStore) => {
      await crashed.close();
      await endLeases();
    },
  };
}
