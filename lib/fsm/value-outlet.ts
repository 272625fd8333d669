import type { Outlet } from "../engine/channel.js";

/** Takes the value of each cycle to nodes of outer runs. */
export class ValueOutlet {
  /** Whether no consumer of the values is left. */
  isAbandoned: boolean;

  /** @param onAbandoned - called when that happens */
  constructor(
    private readonly outlet: Outlet,
    onAbandoned: () => void,
  ) {
    const { channel, keeps } = outlet;
    this.isAbandoned = !keeps && channel.isAbandoned;
    if (keeps) return;
    channel.onAbandoned = () => {
      this.isAbandoned = true;
      onAbandoned();
    };
  }

  /** Returns the wait for room, if there is none. */
  push(value: unknown): Promise<void> | undefined {
    return this.outlet.channel.push(value);
  }
}
