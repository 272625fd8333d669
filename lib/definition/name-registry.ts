import type { Origin } from "./origin.js";

/** More workflows of one name than this are not told apart. */
const MOST_OF_A_NAME = 3;
const MOST_NAMES = 5000;

const origins = new Map<string, Origin[]>();

/** Remembers where a workflow of this name was defined, as far as that may matter. */
export function rememberName(name: string, origin: Origin): void {
  const list = origins.get(name);
  if (list !== undefined) {
    if (list.length < MOST_OF_A_NAME) list.push(origin);
  } else if (origins.size < MOST_NAMES) origins.set(name, [origin]);
}

/** Whether a module has, as far as is known, defined just one workflow of this name: this one. */
export function isOnlyOfName(name: string, origin: Origin): boolean {
  const list = origins.get(name);
  if (list === undefined || list.length >= MOST_OF_A_NAME) return false;
  return list.every((other) => other === origin || other.module !== origin.module);
}
