import { LRUCache } from "lru-cache";
import { toSVG, type Drawable } from "../pictures.js";
import type { SqlStore } from "../store.js";

/** A picture, without its styles: the page has them. */
export interface Drawing {
  readonly svg: string;
  /** What would make it better; undefined if nothing. */
  readonly hint: string | undefined;
}

/** How a graph is drawn. */
export interface Look {
  /** How many levels of workflows inside are drawn. */
  readonly depth: number;
  readonly direction: "TB" | "LR";
}

/** How many pictures are kept. */
const KEPT = 32;
/** A node with more runs inside than this is drawn without them. */
const MOST_INSIDE = 50;

/** Draws the graphs of runs, each once for what is recorded of it. */
export class GraphDrawer {
  private readonly drawn = new LRUCache<string, { readonly mark: string; readonly drawing: Promise<Drawing> }>({
    max: KEPT,
  });

  constructor(private readonly store: SqlStore) {}

  /** Undefined if there is no run with this id. */
  async run(runId: string, look: Look): Promise<Drawing | undefined> {
    const mark = (await this.store.marksOf([runId])).get(runId);
    if (mark === undefined) return undefined;
    const key = `${look.depth} ${look.direction} ${runId}`;
    const known = this.drawn.get(key);
    if (known?.mark === mark) return known.drawing;
    const { runs } = await this.store.listRuns({ parent: runId, limit: MOST_INSIDE + 1 });
    const run = await this.store.getRun(runId, { depth: runs.length > MOST_INSIDE ? 0 : look.depth });
    if (run === undefined) return undefined;
    const drawing = draw(run, look);
    this.drawn.set(key, { mark, drawing });
    drawing.catch(() => this.drawn.delete(key));
    return drawing;
  }
}

/** Without Graphviz, it is drawn by levels. */
export async function draw(drawable: Drawable, look: Look): Promise<Drawing> {
  const options = { theme: "auto", ...look } as const;
  try {
    return { svg: bare(await toSVG(drawable, options)), hint: undefined };
  } catch (error) {
    if (!isMissing(error)) throw error;
    const hint = 'Run "npm install @viz-js/viz" where the studio runs to see boxes and lines.';
    return { svg: bare(await toSVG(drawable, { ...options, layout: "levels" })), hint };
  }
}

/** Texts are escaped, so this is the only such element. */
function bare(svg: string): string {
  return svg.replace(/<style>[^]*?<\/style>\n?/u, "");
}

/** Whether the optional package is not installed. */
function isMissing(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
