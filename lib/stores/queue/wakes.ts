import { setImmediate } from "../../base/event-loop.js";
import type { DatabaseAccess } from "../database/database-access.js";
import type { OnWake, Wake } from "./queue.js";

const ALL: readonly Wake[] = ["ready", "ended", "requested", "scheduled"];

/**
 * Tells the listeners of a store when there may be something to do, and, if the database has notices, those of other
 * stores. What this store does in one turn of the event loop becomes one notice.
 */
export class Wakes {
  private readonly listeners = new Set<OnWake>();
  /** What other stores have yet to be told. */
  private readonly unsent = new Set<Wake>();
  private isSending = false;
  private listening: Promise<(() => void) | undefined> | undefined;
  private isStopped = false;

  constructor(
    /** Names this store in its notices. */
    private readonly sender: string,
    private readonly access: DatabaseAccess,
    /** Called first. */
    private readonly onWake: (what: Wake) => void,
  ) {}

  /** @returns a function that stops it */
  add(listener: OnWake): () => void {
    this.listeners.add(listener);
    if (!this.isStopped) this.listening ??= this.listen();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.unlisten();
    };
  }

  /** Whether anyone listens in this process. */
  get isHeard(): boolean {
    return this.listeners.size > 0;
  }

  /** Tells everyone. @param runIds - of what this store did, see {@link OnWake} */
  wake(what: Wake, runIds?: readonly string[]): void {
    this.tell(what, runIds);
    this.unsent.add(what);
    void this.send();
  }

  /** Stops listening for good. */
  stop(): void {
    this.isStopped = true;
    this.unlisten();
  }

  /** Tells the listeners in this process. */
  tell(what: Wake, runIds?: readonly string[]): void {
    this.onWake(what);
    for (const listener of Array.from(this.listeners)) listener(what, runIds);
  }

  /** Errors are ignored, here and below: others poll as well. */
  private async send(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    while (this.unsent.size > 0) {
      await new Promise((turn) => setImmediate(turn));
      const notice = JSON.stringify([this.sender, ...this.unsent]);
      this.unsent.clear();
      await this.access
        .run(() => this.access.read(async ({ db, notices }) => notices?.send(db, notice)))
        .catch(() => {});
    }
    this.isSending = false;
  }

  private async listen(): Promise<(() => void) | undefined> {
    this.access.run(() => this.access.open()).catch(() => {});
    const { notices } = await this.access.whenOpened;
    return notices?.listen((notice) => this.hear(notice));
  }

  private unlisten(): void {
    void this.listening?.then((stop) => stop?.());
    this.listening = undefined;
  }

  /** @param notice - undefined when notices may have been lost */
  private hear(notice: string | undefined): void {
    const [sender, ...kinds] = notice === undefined ? [undefined, ...ALL] : parsed(notice);
    if (sender !== this.sender) for (const what of ALL) if (kinds.includes(what)) this.tell(what);
  }
}

/** Others may use the channel, too. */
function parsed(notice: string): readonly unknown[] {
  try {
    const list = JSON.parse(notice) as unknown;
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
