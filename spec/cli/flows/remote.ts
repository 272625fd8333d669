/** A workflow whose nodes a worker executes. */
import { Dag } from "dagwright";

export const remoted = new Dag<any>("remoted");
remoted.node("double", (n: number) => [n * 2, process.pid]);
