import type { Holder, Resource } from "../policies/holder.js";
import type { Channel, Party } from "./channel.js";

/**
 * What a node of a stream waits for, in the wait-for graph: an item, room for one, or a result that it needs in order
 * to start.
 */
export class StreamWait implements Resource {
  /**
   * @param what - names what another node provides, in messages
   * @param from - that node
   * @param full - the channel that holds the waiting node back, if it waits for room
   */
  constructor(
    private readonly what: string,
    private readonly from: () => Party,
    readonly full?: Channel,
  ) {}

  get party(): Party {
    return this.from();
  }

  get label(): string {
    return `${this.what} ${this.party.holder.label}`;
  }

  holders(): Iterable<Holder> {
    return [this.party.holder];
  }

  /** A buffer can grow instead. */
  letGo(): boolean {
    if (this.full?.isFull !== true) return false;
    this.full.grow();
    return true;
  }
}
