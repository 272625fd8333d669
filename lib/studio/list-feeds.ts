import type { RunFilter, SqlStore } from "../store.js";
import { RunListFeed, type ListNews } from "./run-list-feed.js";

/** How many of the newest runs are watched: as many as a page shows, and some more. */
const WATCHED = 100;

/** The lists of runs that are watched, one for each filter. */
export class ListFeeds {
  private readonly feeds = new Map<string, RunListFeed>();

  constructor(private readonly store: SqlStore) {}

  /** Those of the newest runs that are there, then those that have changed, until the signal aborts. */
  changes(filter: RunFilter, signal: AbortSignal): AsyncGenerator<ListNews, void> {
    const key = JSON.stringify(filter);
    let feed = this.feeds.get(key);
    if (feed === undefined) {
      const read = async () => (await this.store.listRuns({ ...filter, limit: WATCHED })).runs;
      feed = new RunListFeed(read, () => this.feeds.delete(key));
      this.feeds.set(key, feed);
    }
    return feed.changes(signal);
  }
}
