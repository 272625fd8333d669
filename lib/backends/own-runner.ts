import type { LazyAbort } from "../base/abort.js";
import { callWith } from "../definition/current-context.js";
import type { Context } from "../definition/context.js";
import type { Backend, BackendCall } from "../definition/specs/backend.js";
import type { CallSite } from "../definition/specs/call-site.js";
import { namedInputs } from "../definition/specs/named-inputs.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";
import type { RemoteCall, Runner } from "./runner.js";

/** Makes the calls of a run on a backend of the user's. */
export class OwnRunner implements Runner {
  /** @param name - the one that it has in the run */
  constructor(
    readonly name: string,
    readonly backend: Backend,
    readonly limit: number,
  ) {}

  execute(call: RemoteCall, abort: LazyAbort, onStart: () => void): unknown {
    onStart();
    const own = new OwnCall(call, abort);
    return callWith(call.ctx, { fn: () => this.backend.run(own, abort.signal), self: undefined }, []);
  }
}

/** What the backend gets. Its members are computed when they are read. */
class OwnCall implements BackendCall {
  readonly #call: RemoteCall;
  readonly #abort: LazyAbort;

  constructor(call: RemoteCall, abort: LazyAbort) {
    this.#call = call;
    this.#abort = abort;
  }

  get node(): NodeSpec {
    return this.#call.spec;
  }

  get workflow(): string {
    return this.#call.ctx.workflow;
  }

  get inputs(): Readonly<Record<string, unknown>> {
    const { spec, args, ctx } = this.#call;
    const inputs = namedInputs(spec.signature, args);
    // A function that does not say so gets the context after its inputs.
    for (const name of Object.keys(inputs)) if (inputs[name] === ctx) delete inputs[name];
    return inputs;
  }

  get args(): readonly unknown[] {
    return this.#call.args;
  }

  get ctx(): Context {
    return this.#call.ctx;
  }

  get attempt(): number {
    return this.#call.ctx.attempt;
  }

  get site(): CallSite {
    return this.#call.site;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get trace(): string | undefined {
    return this.#call.trace;
  }

  get store(): object | undefined {
    return this.#call.store;
  }

  get interrupted(): number | undefined {
    return this.#call.interrupted;
  }
}
