import type { Backend, BackendCall } from "dagwright";

/** A backend as users write one: it calls functions a turn later, with copies of their inputs. */
export class UserBackend implements Backend {
  private isClosed = false;

  constructor(
    readonly name: string,
    readonly limit?: number,
  ) {}

  async run({ node, args, ctx }: BackendCall, signal: AbortSignal): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (this.isClosed) throw new Error(`Backend "${this.name}" is closed.`);
    return node.fn.apply(
      node.self,
      args.map((arg) => (arg === ctx ? ctx : structuredClone(arg))),
    );
  }

  close(): void {
    this.isClosed = true;
  }
}
