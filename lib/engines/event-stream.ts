import type { Observer, RunEvent } from "../run/events.js";

/**
 * The events of a run, from now on, for `for await`. Those that nobody has taken yet are kept; the stream ends with
 * `run.finished`. Leaving the loop ends the listening.
 * @param subscribe - adds an observer to the run, and gives a function that takes it away; undefined when the run is over
 */
export function eventStream(
  subscribe: (observer: Observer) => (() => void) | undefined,
): AsyncIterableIterator<RunEvent> {
  let unsubscribe: (() => void) | undefined;
  const stream = new ReadableStream<RunEvent>({
    start(controller) {
      unsubscribe = subscribe((event) => {
        controller.enqueue(event);
        if (event.type === "run.finished") controller.close();
      });
      if (unsubscribe === undefined) controller.close();
    },
    cancel: () => unsubscribe?.(),
  });
  return stream.values() as AsyncIterableIterator<RunEvent>;
}
