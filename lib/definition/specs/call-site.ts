/** Which attempt it is, as errors tell it. */
export interface CallSite {
  /** The id of the run. */
  readonly runId: string;
  /** The name of the node. */
  readonly node: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** In a map, the item, with the node: `thumb[3]`. */
  readonly item?: string;
}

/** What failed, as messages name it: a node, or an item of a map. */
export function failedAt({ item, node }: CallSite): string {
  return item ?? node;
}

/** The site of an error. One without a cause has no such property. */
export function siteOf(site: CallSite, cause: unknown): CallSite & ErrorOptions {
  return cause === undefined ? site : { ...site, cause };
}
