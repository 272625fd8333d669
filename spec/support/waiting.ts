/** Waiting, by whichever timers there are. */

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const never = () => new Promise<never>(() => {});

/** So many turns of the queue of microtasks: with each number of them, work that is under way has come to another point. */
export async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await Promise.resolve();
}

/** A promise, and what resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Waits for something to come about. It looks so many times, for half a minute at least: a busy machine gets longer. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await condition()); looks++) {
    if (looks === 15_000) throw new Error(`It has not come about: ${condition}`);
    await sleep(2);
  }
}

/** What a promise is rejected with. */
export const failure = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    (value) => {
      throw new Error(`It resolved with ${String(value)}.`);
    },
    (error: unknown) => error,
  );
