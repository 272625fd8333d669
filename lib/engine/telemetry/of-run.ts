import { subscribedChannels } from "./channels.js";
import { Joined } from "./joined.js";
import type { Telemetry } from "./telemetry.js";

/** What follows a run: its telemetry, and the channels with subscribers; undefined if nothing does. */
export function telemetryOf(telemetry: Telemetry | undefined): Pick<Telemetry, "follow"> | undefined {
  const channels = subscribedChannels();
  if (channels === undefined) return telemetry;
  return telemetry === undefined ? channels : new Joined(telemetry, channels);
}
