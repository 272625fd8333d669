import { gate, sleep } from "./waiting.js";

/**
 * Work whose calls wait until `count` of them are in flight at once, and so never ends if a limit is lower. They stay
 * in flight a moment longer, in which further ones begin if a limit is higher.
 */
export function meeting(count: number) {
  const { opened, open } = gate();
  const seen = { now: 0, most: 0 };
  async function attend(): Promise<void>;
  async function attend<T>(value: T): Promise<T>;
  async function attend(value?: unknown): Promise<unknown> {
    seen.most = Math.max(seen.most, ++seen.now);
    if (seen.now === count) open();
    await opened;
    await sleep(1);
    seen.now--;
    return value;
  }
  return { seen, attend };
}
