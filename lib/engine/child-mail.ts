import type { RunInside } from "./run-inside.js";

interface Mail {
  /** Prefixed with the path of its run: `check.PAID`. */
  readonly event: string;
  readonly payload: unknown;
  readonly taken: () => void;
  readonly refused: (error: Error) => void;
}

/** Events for runs inside that have not begun. */
export class ChildMail {
  private mail: Mail[] = [];

  /** Settles when the run takes the event, or when it is clear that it never will. */
  add(event: string, payload: unknown): Promise<void> {
    return new Promise((taken, refused) => this.mail.push({ event, payload, taken, refused }));
  }

  /** Delivers the events that came before a run began. */
  deliver(run: RunInside, path: string): void {
    if (this.mail.length === 0) return;
    const isFor = ({ event }: Mail) => event.startsWith(`${path}.`);
    const found = this.mail.filter(isFor);
    this.mail = this.mail.filter((mail) => !isFor(mail));
    for (const { event, payload, taken, refused } of found) {
      run.send(event.slice(path.length + 1), payload).then(taken, refused);
    }
  }

  /** Refuses the remaining events. @param error - creates the error for an event */
  refuse(error: (event: string) => Error): void {
    for (const { refused, event } of this.mail.splice(0)) refused(error(event));
  }
}
