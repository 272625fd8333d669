import type { IQueueBackend } from "bullmq";
import { now } from "../../base/clock.js";

type Event = readonly [id: string, fields: readonly string[]];
type Batch = readonly (readonly [stream: string, events: readonly Event[]])[] | null;
type Read = (after: string, wait: number) => Promise<Batch>;

/** Ids that were left out between two events. */
interface Gap {
  readonly after: number;
  readonly before: number;
  /** Until when they may still come, by the monotonic clock. */
  readonly until: number;
}

/** How long an event may take to be committed after one with a larger id, in ms. */
const COMMIT = 2000;

/** How long to wait for events after the last ones, in ms. It doubles each time that none come. */
const FIRST_WAIT = 10;

/** How often gaps are looked at, in ms. */
const INTERVAL = 20;

/**
 * Lets a Postgres backend of BullMQ give all events. By itself, it goes on after the largest id that it has read, so it
 * misses what is committed later than an event with a larger id; and it misses notices that come while it reads. This reads
 * once more where ids were left out, and waits for a short time at first.
 */
export function withLateEvents<B extends IQueueBackend>(backend: B): B {
  const read = backend.readEvents.bind(backend) as Read;
  const events = new LateEvents(read);
  return Object.assign(backend, { readEvents: (after: string, wait: number) => events.read(after, wait) });
}

class LateEvents {
  private gaps: Gap[] = [];
  /** The largest id that was read. */
  private last: number | undefined;
  private wait = FIRST_WAIT;
  private lookedAt = 0;

  constructor(private readonly readAfter: Read) {}

  async read(after: string, wait: number): Promise<Batch> {
    const late = await this.late();
    if (late.length > 0) return [["events", late]];
    const from = this.last;
    const batch = await this.readAfter(from === undefined ? after : String(from), Math.min(wait, this.wait));
    if (batch === null) {
      this.wait = Math.min(wait, 2 * this.wait);
      return null;
    }
    this.wait = FIRST_WAIT;
    const ids = idsOf(batch[0][1]);
    this.addGaps(from === undefined ? ids : [from, ...ids], now() + COMMIT);
    this.last = ids.at(-1);
    return batch;
  }

  /** The events that have come where ids were left out. */
  private async late(): Promise<Event[]> {
    const at = now();
    if (this.gaps.length === 0 || at < this.lookedAt + INTERVAL) return [];
    this.lookedAt = at;
    const gaps = this.gaps.filter(({ until }) => until > at);
    this.gaps = [];
    const late: Event[] = [];
    let [known, seen]: [events: readonly Event[], upTo: number] = [[], 0];
    for (const gap of gaps) {
      // What one read gives covers several gaps.
      if (gap.before > seen) {
        known = (await this.readAfter(String(gap.after), 1))?.[0][1] ?? [];
        seen = Number(known.at(-1)?.[0] ?? Infinity);
      }
      const found = known.filter(([id]) => Number(id) > gap.after && Number(id) < gap.before);
      late.push(...found);
      this.addGaps([gap.after, ...idsOf(found), gap.before], gap.until);
    }
    return late;
  }

  private addGaps(ids: readonly number[], until: number): void {
    for (let i = 1; i < ids.length; i++) {
      if (ids[i] > ids[i - 1] + 1) this.gaps.push({ after: ids[i - 1], before: ids[i], until });
    }
  }
}

function idsOf(events: readonly Event[]): number[] {
  return events.map(([id]) => Number(id));
}
