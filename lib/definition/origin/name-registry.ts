import { processWide } from "../../base/process-wide.js";
import type { Origin } from "./origin.js";

const MAX_NAMES = 5000;

/** The origins of the definitions with each name, up to a limit. */
class Names {
  private readonly origins = new Map<string, Origin[]>();

  /** @param limit - once a name has this many definitions, they are no longer distinguished */
  constructor(private readonly limit: number) {}

  remember(name: string, origin: Origin): void {
    const list = this.origins.get(name);
    if (list !== undefined) {
      if (list.length < this.limit) list.push(origin);
    } else if (this.origins.size < MAX_NAMES) this.origins.set(name, [origin]);
  }

  /** Whether the definition with this origin is the only one of its name in its module, as far as known. */
  isOnly(name: string, origin: Origin, module = origin.module): boolean {
    const list = this.origins.get(name);
    if (list === undefined || list.length >= this.limit) return false;
    return list.every((other) => other === origin || other.module !== module);
  }
}

/** With a low limit, since the same code may create many workflows. */
export const workflowNames = processWide("names of workflows", () => new Names(3));
export const classNames = processWide("names of classes", () => new Names(50));
