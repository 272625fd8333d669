import { ANSWER_TIMEOUT } from "./broker.js";

/** A broker did not do what it was asked for: it can't be reached, or refused it. The cause says why. */
export class BrokerFailure extends Error {}

/** @throws {BrokerFailure} when `work` rejects, or takes so long that the broker is taken for gone */
export async function byBroker<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_TIMEOUT} ms`)), ANSWER_TIMEOUT);
  });
  try {
    return await Promise.race([work, timeout]);
  } catch (cause) {
    throw new BrokerFailure("the broker has failed", { cause });
  } finally {
    clearTimeout(timer);
  }
}
