import type { LazyAbort } from "../../lib/base/abort.js";
import type { Backend, BackendCall } from "../../lib/backends/backend.js";

/** A backend as users might write one: it calls functions a turn later, with copies of their inputs. */
export class UserBackend implements Backend {
  private isClosed = false;

  constructor(
    readonly name: string,
    readonly limit: number,
  ) {}

  async execute({ spec, args, ctx }: BackendCall, { signal }: LazyAbort, onStart: () => void): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    if (this.isClosed) throw new Error(`Backend "${this.name}" is closed.`);
    onStart();
    const copies = args.map((arg) => (arg === ctx ? ctx : structuredClone(arg)));
    return spec.fn.apply(spec.self, copies);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
