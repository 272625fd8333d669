import { messageOf } from "../../base/message.js";
import type { ValueStore } from "../../stores/store.js";
import { Codec } from "../../stores/values/codec.js";
import { OUTCOME_TYPES } from "../../stores/values/outcome-types.js";
import type { Sent } from "./wire.js";

/** The size of the largest value that goes through a queue, in bytes of its text. */
const MAX_BYTES = 256 * 1024;

const PLAIN = new Codec(OUTCOME_TYPES);

/** A value can't be sent. The message is a clause that begins with its path. */
export class Unsendable extends Error {}

/** Values on their way through a queue. Those that are too large go through the store. */
export class Values {
  readonly codec: Codec;

  /** @param store - undefined if there is none, and values that are too large are refused */
  constructor(private readonly store: ValueStore | undefined) {
    this.codec = store?.codec ?? PLAIN;
  }

  /**
   * @param path - of the value, for messages
   * @param runId - the run to which it belongs
   * @throws {Unsendable}; {StoreError}
   */
  async send(value: unknown, path: string, runId: string): Promise<Sent> {
    let text: string;
    try {
      text = this.codec.encode(value, path);
    } catch (cause) {
      throw new Unsendable(messageOf(cause), { cause });
    }
    // No character has more than three bytes in UTF-8.
    if (text.length * 3 <= MAX_BYTES) return text;
    const size = Buffer.byteLength(text);
    if (size <= MAX_BYTES) return text;
    if (this.store !== undefined) return { stored: await this.store.put(runId, text) };
    throw new Unsendable(
      `${path} has ${inKiB(size)}, and at most ${inKiB(MAX_BYTES)} go through a queue. Larger values go through the store: give the run a "store", and the worker the same one`,
    );
  }

  /** @throws {Unsendable} when it is in a store, and there is none here; {StoreError} */
  async receive(sent: Sent): Promise<unknown> {
    if (typeof sent === "string") return this.codec.decode(sent);
    if (this.store !== undefined) return this.codec.decode(await this.store.get(sent.stored));
    throw new Unsendable(
      `a value of more than ${inKiB(MAX_BYTES)} is in the store of the run. Give the worker the same "store"`,
    );
  }
}

function inKiB(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
