import type { Observer, RunEvent } from "../run/events.js";

/** Adds an observer to a run. Returns a function that removes it; undefined when the run is over. */
export type Subscribe = (observer: Observer) => (() => void) | undefined;

/**
 * The events of a run from this call on, for `for await`. Events are buffered until they are read. The stream ends with
 * `run.finished`; leaving the loop unsubscribes.
 */
export function eventStream(subscribe: Subscribe): AsyncIterableIterator<RunEvent> {
  let unsubscribe: (() => void) | undefined;
  let isCancelled = false;
  const stream = new ReadableStream<RunEvent>({
    start(controller) {
      unsubscribe = subscribe((event) => {
        // Called even after unsubscribing, if another observer of the same event did that.
        if (isCancelled) return;
        controller.enqueue(event);
        const isInside = event.parent !== undefined;
        if (event.type === "run.finished" && !isInside) controller.close();
      });
      if (unsubscribe === undefined) controller.close();
    },
    cancel() {
      isCancelled = true;
      unsubscribe?.();
    },
  });
  return stream.values() as AsyncIterableIterator<RunEvent>;
}

interface Source {
  events(): AsyncIterableIterator<RunEvent>;
}

/** The events of a new run, followed by those of the run that `attached` resolves to, if that is another. */
export function joinedStream(own: Source, attached: Promise<Source>): AsyncIterableIterator<RunEvent> {
  const first = own.events();
  let current = first;
  let isCancelled = false;
  const pipe = async (controller: ReadableStreamDefaultController<RunEvent>) => {
    const source = await attached;
    if (source !== own) {
      void first.return?.();
      current = source.events();
    }
    for await (const event of current) {
      if (isCancelled) return;
      controller.enqueue(event);
    }
    controller.close();
  };
  const stream = new ReadableStream<RunEvent>({
    start(controller) {
      pipe(controller).catch((error) => controller.error(error));
    },
    cancel() {
      isCancelled = true;
      return current.return?.().then(() => {});
    },
  });
  return stream.values() as AsyncIterableIterator<RunEvent>;
}
