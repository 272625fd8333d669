import type { EventEmitter } from "../../engine/event-emitter.js";
import { DagHost } from "../host.js";
import type { MappingRun } from "./map-host.js";
import { MapRun } from "./map-run.js";

/** The maps of a run that have started and not settled. */
export class Maps {
  private readonly open = new Map<number, MapRun>();

  constructor(private readonly run: MappingRun & { readonly emitter: EventEmitter | undefined }) {}

  /** Runs a map, which attempts its items. Returns its result, or a promise of it. */
  start(node: number): unknown {
    const { state, emitter } = this.run;
    const attempt = state.attemptsBefore(node) + 1;
    state.setAttempts(node, attempt);
    emitter?.emit({ type: "attempt.started", attempt }, node);
    if (this.run.isOver) return undefined;
    const map = new MapRun(this.run, new DagHost(this.run), node);
    this.open.set(node, map);
    return map.execute();
  }

  settled(node: number): void {
    this.open.delete(node);
  }

  /** How many items of a map are in flight; undefined for any other node. */
  inFlightOf(node: number): number | undefined {
    return this.open.get(node)?.inFlight;
  }

  /** Makes them start no more items. */
  pause(): void {
    for (const map of this.open.values()) map.pause();
  }

  /** Ends their attempts. Returns whether hooks need a turn to run. */
  interrupt(reason: unknown): boolean {
    let needsTurn = false;
    for (const map of this.open.values()) if (map.interrupt(reason)) needsTurn = true;
    return needsTurn;
  }
}
