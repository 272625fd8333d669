import type { AnyWorkflow } from "./known-workflows.js";
import type { Client } from "../service.js";
import type { SqlStore } from "../store.js";
import type { Place } from "./commands.js";
import type { GraphDrawer } from "./graph-drawer.js";
import type { ListFeeds } from "./list-feeds.js";
import type { Streams } from "./streams.js";

/** What the routes of a studio work with. */
export interface Desk {
  readonly store: SqlStore;
  readonly client: Client;
  /** By name: those whose nodes and inputs are known. */
  readonly workflows: ReadonlyMap<string, AnyWorkflow>;
  /** The names of all that may be started; undefined for any. */
  readonly startable: readonly string[] | undefined;
  readonly isReadOnly: boolean;
  readonly place: Place;
  readonly streams: Streams;
  readonly lists: ListFeeds;
  readonly drawer: GraphDrawer;
}

/** An admitted request, and the parameters in its path. */
export interface Asked {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** The variable parts of the path, decoded. */
  readonly parts: readonly string[];
}

export type Route = (desk: Desk, asked: Asked) => Promise<Response> | Response;
