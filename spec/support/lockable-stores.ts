import { afterEach } from "vitest";
import { useStores, type StoreSubject } from "./stores.js";
import { refuseUnhandledRejections } from "./unhandled.js";
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
  // Hooks run in reverse order after a spec: first writes are unblocked, then the stores close.
  refuseUnhandledRejections();
  const stores = useStores(async () => (subject = await connect()));

  const unlocking: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const unlock of unlocking.splice(0)) await unlock();
  });

  return {
    ...stores,
    /** Blocks all writes until the returned function is called, or the spec ends. */
    lock: async (): Promise<() => Promise<void>> => {
      const unlock = await subject.lock();
      let unlocked: Promise<void> | undefined;
      const once = () => (unlocked ??= unlock());
      unlocking.push(once);
      return once;
    },
    reset: () => subject.reset(),
  };
}
