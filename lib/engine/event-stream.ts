import type { Observer, RunEvent } from "../run/events.js";

/** Adds an observer to a run, and gives a function that takes it away; undefined when the run is over. */
export type Subscribe = (observer: Observer) => (() => void) | undefined;

/**
 * The events of a run, from now on, for `for await`. Those that nobody has taken yet are kept; the stream ends with
 * `run.finished`. Leaving the loop ends the listening.
 */
export function eventStream(subscribe: Subscribe): AsyncIterableIterator<RunEvent> {
  let unsubscribe: (() => void) | undefined;
  let isLeft = false;
  const stream = new ReadableStream<RunEvent>({
    start(controller) {
      unsubscribe = subscribe((event) => {
        // Whoever left it when told of this event is still told of it here.
        if (isLeft) return;
        controller.enqueue(event);
        if (event.type === "run.finished") controller.close();
      });
      if (unsubscribe === undefined) controller.close();
    },
    cancel() {
      isLeft = true;
      unsubscribe?.();
    },
  });
  return stream.values() as AsyncIterableIterator<RunEvent>;
}

/** What gives the events of a run. */
interface Source {
  events(): AsyncIterableIterator<RunEvent>;
}

/** The events of a run that has begun and, if it turns out to be another, of that one. */
export function joinedStream(own: Source, found: Promise<Source>): AsyncIterableIterator<RunEvent> {
  const first = own.events();
  let current = first;
  let isLeft = false;
  const follow = async (controller: ReadableStreamDefaultController<RunEvent>) => {
    const source = await found;
    if (source !== own) {
      void first.return?.();
      current = source.events();
    }
    for await (const event of current) {
      if (isLeft) return;
      controller.enqueue(event);
    }
    controller.close();
  };
  const stream = new ReadableStream<RunEvent>({
    start(controller) {
      follow(controller).catch((error) => controller.error(error));
    },
    cancel() {
      isLeft = true;
      return current.return?.().then(() => {});
    },
  });
  return stream.values() as AsyncIterableIterator<RunEvent>;
}
