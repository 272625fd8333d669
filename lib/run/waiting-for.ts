/** What a run waits for. Either ends the waiting. */
export interface WaitingFor {
  /** The names of the events that it accepts now; those of runs inside with the way to them: `check.PAID`. */
  readonly events: readonly string[];
  /** When it continues without an event, in whole ms since 1970; undefined if it waits for as long as it takes. */
  readonly until: number | undefined;
}

/** Everything that several parts of a run wait for; undefined if there are none. */
export function joined(parts: readonly WaitingFor[]): WaitingFor | undefined {
  if (parts.length === 0) return undefined;
  const events = Array.from(new Set(parts.flatMap((part) => part.events)));
  const until = parts.reduce((first, part) => Math.min(first, part.until ?? Infinity), Infinity);
  return { events, until: until === Infinity ? undefined : until };
}

/** What the run inside a node waits for, as its outer run names it. @param path - of the run inside */
export function inside(path: string, { events, until }: WaitingFor): WaitingFor {
  return { events: events.map((event) => `${path}.${event}`), until };
}
