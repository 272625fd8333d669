import { afterAll, afterEach, beforeEach } from "vitest";
import type { SqlStore, StoreOptions } from "dagwright/store";

/** A kind of store, on a database that is empty before each spec. */
export interface StoreSubject {
  /** Opens another store on the same database, like another process. */
  open(options?: StoreOptions): SqlStore;
  /** Executes a statement over a separate connection. */
  execute(statement: string): Promise<void>;
  /** Counts rows over a separate connection. */
  count(table: string): Promise<number>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Opens stores for the specs of a block, on one database that is emptied before each spec. Closes them afterwards. */
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

  /** Makes all leases expire without their holders noticing. */
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
    /** Simulates the death of a store's process, long enough ago that its leases have expired. */
    crash: async (crashed: SqlStore) => {
      await crashed.close();
      await endLeases();
    },
  };
}
