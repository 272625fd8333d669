import { show } from "../base/check.js";

/**
 * Why an event is refused that no node takes any more.
 * @param late - those of the nodes that have waited too long
 */
export function tooLate(event: string, nodes: readonly string[], late: readonly string[]): string {
  const names = (list: readonly string[]) => list.map(show).join(", ");
  const why = late.length > 0 ? `the time of ${names(late)} is up` : `${names(nodes)} is over, or has got it already`;
  return `The event ${show(event)} comes too late: ${why}. Send it to another run.`;
}
