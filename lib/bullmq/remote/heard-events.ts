import type { IQueueBackend, QueueEvents } from "bullmq";
import { randomUUID } from "node:crypto";
import { deferred } from "../../base/deferred.js";

const HELLO = "dagwright:hello";

/** How many events of a queue BullMQ keeps. */
const MOST_EVENTS = 10_000;

/** How long before the next hello, in ms: at first, and at most. */
const FIRST_DELAY = 5;
const MAX_DELAY = 1000;

/** Publishes an event of a queue to all who hear it. */
export async function publish(backend: IQueueBackend, event: string, jobId: string): Promise<void> {
  await backend.publishEvent({ event, jobId }, MOST_EVENTS);
}

/**
 * Resolves when all later events of a queue are heard. BullMQ does not say from which event on it reads, so this says
 * hello until it hears itself.
 * @param over - resolves when nobody waits for that any longer
 */
export async function whenHeard(events: QueueEvents, backend: IQueueBackend, over: Promise<void>): Promise<void> {
  const id = randomUUID();
  const heard = deferred();
  const name = `${HELLO}:${id}` as "error";
  events.once(name, () => heard.resolve());
  let isDone = false;
  const done = Promise.race([heard.promise, over]).then(() => (isDone = true));
  for (let delay = FIRST_DELAY; !isDone; delay = Math.min(MAX_DELAY, 2 * delay)) {
    // A broker that can't be reached is told of by the connection.
    await Promise.race([publish(backend, HELLO, id).catch(() => {}), done]);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, delay)), done]);
  }
  events.removeAllListeners(name);
}
