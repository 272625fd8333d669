/** Waiting, with real or fake timers. */

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const never = () => new Promise<never>(() => {});

/** Waits for `n` microtasks, to stop concurrent work at a different point for each `n`. */
export async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await Promise.resolve();
}

/** A promise, and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Waits until the condition holds. Counts checks instead of time, for half a minute or more on a busy machine. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await condition()); looks++) {
    if (looks === 15_000) throw new Error(`This condition was never met: ${condition}`);
    await sleep(2);
  }
}

/** The error that a promise rejects with. */
export const failure = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    (value) => {
      throw new Error(`It resolved with ${String(value)}.`);
    },
    (error: unknown) => error,
  );
