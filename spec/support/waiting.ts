/** Waiting, by whichever timers there are. */

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const never = () => new Promise<never>(() => {});

/** Waits for something to come about. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const began = performance.now(); !(await condition()); await sleep(2)) {
    if (performance.now() - began > 20_000) throw new Error("It has not come about in 20 s.");
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
