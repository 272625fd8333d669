import { Fsm, next, stop } from "dagwright";

/** ping → pong → ping … until the count reaches `limit`. */
export function pingPong(limit: number, options = {}): Fsm {
  const fsm = new Fsm("ping-pong", options);
  fsm.state("ping", { initial: true }, (count = 0) => next("pong", count + 1));
  fsm.state("pong", (count: number) => (count >= limit ? stop(count) : next("ping", count)));
  return fsm;
}
