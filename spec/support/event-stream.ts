/** Reads a stream of server-sent events. */
export interface SentEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: any;
}

/** The events of a response, as they come. Leaving the loop closes the connection. */
export async function* eventsOf(response: Response): AsyncGenerator<SentEvent, void> {
  let text = "";
  for await (const part of response.body as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(part);
    const blocks = text.split("\n\n");
    text = blocks.pop() as string;
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/su) as [string, string]));
      const event = fields.get("event");
      if (event !== undefined) yield { event, id: fields.get("id"), data: JSON.parse(fields.get("data") as string) };
    }
  }
}

/** All events of a response that ends. */
export async function allOf(response: Response): Promise<SentEvent[]> {
  const events: SentEvent[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
}
