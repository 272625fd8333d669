import { Refusal } from "./answer.js";

/** How many streams are open at once, at most: each costs memory and looks at the store. */
export const MOST_STREAMS = 100;
/** How often a stream that has nothing to say says so, in ms: proxies close silent ones. */
const PULSE = 15_000;

/** An event of a stream (server-sent events). */
export interface StreamEvent {
  readonly event: string;
  /** JSON on one line. */
  readonly data: string;
  /** What the browser sends as `Last-Event-ID` when it comes back. */
  readonly id?: string | undefined;
}

const encoder = new TextEncoder();

/** The open streams of a studio. */
export class Streams {
  private readonly open = new Set<AbortController>();

  /**
   * A stream of what `source` gives. It asks for an event only when the one before it is read, and ends with its source.
   * @param source - ends when the signal aborts: when the reader leaves, or the studio closes
   * @throws {Refusal} 503 when there are too many
   */
  stream(source: (signal: AbortSignal) => AsyncIterator<StreamEvent>): ReadableStream<Uint8Array> {
    if (this.open.size >= MOST_STREAMS) {
      throw new Refusal(503, "STREAMS", `There are ${MOST_STREAMS} open streams already. Close other pages.`, {
        "Retry-After": "10",
      });
    }
    const controller = new AbortController();
    this.open.add(controller);
    const { signal } = controller;
    const events = source(signal);
    let pulse: NodeJS.Timeout | undefined;
    const leave = () => {
      clearInterval(pulse);
      this.open.delete(controller);
      controller.abort();
    };
    return new ReadableStream<Uint8Array>({
      start: (out) => {
        out.enqueue(encoder.encode("retry: 2000\n\n"));
        pulse = setInterval(() => {
          if ((out.desiredSize ?? 0) >= 0) out.enqueue(encoder.encode(":\n\n"));
        }, PULSE);
        pulse.unref();
      },
      pull: async (out) => {
        let step: IteratorResult<StreamEvent>;
        try {
          step = await events.next();
        } catch (error) {
          const isOver = signal.aborted;
          leave();
          return isOver ? out.close() : out.error(error);
        }
        if (step.done !== true) return out.enqueue(encoder.encode(textOf(step.value)));
        leave();
        out.close();
      },
      cancel: leave,
    });
  }

  get size(): number {
    return this.open.size;
  }

  close(): void {
    for (const controller of Array.from(this.open)) controller.abort();
  }
}

function textOf({ event, data, id }: StreamEvent): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}
