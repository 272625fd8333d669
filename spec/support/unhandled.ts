import { afterEach, beforeEach, expect } from "vitest";
import { sleep } from "./waiting.js";

/** Fails a spec in which the rejection of a promise is not handled. Called where hooks are. */
export function refuseUnhandledRejections(): void {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);

  beforeEach(() => {
    unhandled.length = 0;
    process.on("unhandledRejection", note);
  });

  afterEach(async () => {
    await sleep(5);
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });
}
