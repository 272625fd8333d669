import { subscribedChannels } from "./channels.js";
import { Joined } from "./joined.js";
import type { Telemetry } from "./telemetry.js";

/** What follows a run: its telemetry, and channels that have subscribers; undefined if there is neither. */
export function telemetryOf(telemetry: Telemetry | undefined): Pick<Telemetry, "follow"> | undefined {
  const channels = subscribedChannels();
  if (channels === undefined) return telemetry;
  return telemetry === undefined ? channels : new Joined(telemetry, channels);
}
