import { afterAll, afterEach, beforeEach, expect } from "vitest";
import type { SqlStore, StoreOptions } from "dagwright/store";
import type { StoreSubject } from "./stores.js";
import { sleep } from "./waiting.js";

/** A kind of store whose writes can be blocked. */
export interface LockableSubject extends StoreSubject {
  /** Blocks all writes until the returned function is called. */
  lock(): Promise<() => Promise<void>>;
}

/** Whether a promise is still pending. */
export const isPending = async (promise: Promise<unknown>) => {
  const open = Symbol();
  const settled = promise.catch(() => {});
  return (await Promise.race([settled, sleep(5).then(() => open)])) === open;
};

/** Like `useStores`, for stores whose writes can be blocked. A promise whose rejection is not handled fails the spec. */
export function useLockableStores(connect: () => Promise<LockableSubject>) {
  let subject: LockableSubject;
  const open: SqlStore[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);

  function another(options?: StoreOptions): SqlStore {
    const made = subject.open(options);
    open.push(made);
    return made;
  }

  const unlocking: (() => Promise<void>)[] = [];
  /** Blocks all writes until the returned function is called, or the spec ends. */
  async function lock(): Promise<() => Promise<void>> {
    const unlock = await subject.lock();
    let unlocked: Promise<void> | undefined;
    const once = () => (unlocked ??= unlock());
    unlocking.push(once);
    return once;
  }

  /** Makes all leases expire without their holders noticing. */
  const expire = () => subject.execute("update runs set lease_expires_at = 0 where lease_expires_at is not null");

  beforeEach(async () => {
    subject ??= await connect();
    await subject.reset();
    process.on("unhandledRejection", onUnhandled);
  });
  afterEach(async () => {
    for (const unlock of unlocking.splice(0)) await unlock();
    await Promise.all(open.splice(0).map((made) => made.close()));
    await sleep(0);
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled.splice(0)).toEqual([]);
  });
  afterAll(() => subject.close());
  return {
    another,
    lock,
    expire,
    execute: (statement: string) => subject.execute(statement),
    reset: () => subject.reset(),
  };
}
