import { processWide } from "../../base/process-wide.js";
import type { Origin } from "./origin.js";

const MOST_NAMES = 5000;

/** Where the things of each name were defined, as far as that may matter. */
class Names {
  private readonly origins = new Map<string, Origin[]>();

  /** @param most - so many of a name, wherever they are, are not told apart any more */
  constructor(private readonly most: number) {}

  remember(name: string, origin: Origin): void {
    const list = this.origins.get(name);
    if (list !== undefined) {
      if (list.length < this.most) list.push(origin);
    } else if (this.origins.size < MOST_NAMES) this.origins.set(name, [origin]);
  }

  /** Whether a module has, as far as is known, defined just one of this name: the one with this origin. */
  isOnly(name: string, origin: Origin, module = origin.module): boolean {
    const list = this.origins.get(name);
    if (list === undefined || list.length >= this.most) return false;
    return list.every((other) => other === origin || other.module !== module);
  }
}

/** Workflows may be made time and again by the same code. */
export const workflowNames = processWide("names of workflows", () => new Names(3));
export const classNames = processWide("names of classes", () => new Names(50));
