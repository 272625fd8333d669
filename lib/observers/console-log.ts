import type { Observer } from "../index.js";
import { EventLines } from "./event-lines.js";

/** An observer that logs runs on the console, a line an event. Names and messages are escaped. */
export function consoleLog(): Observer {
  const lines = new EventLines();
  return (event) => {
    const line = lines.of(event);
    // eslint-disable-next-line no-console -- that is what it is for
    if (line !== undefined) console.log(line);
  };
}
