import type { Context, NodeHooks } from "../../index.js";

/** The calls of the functions of one process, and which of them asked for their key. */
export class Calls {
  /** The nodes that were called, by the key of the call. */
  readonly made = new Map<string, string>();

  /** @param idempotent - the keys of calls that have asked for them, also in other processes */
  constructor(private readonly idempotent: Set<string>) {}

  readonly hooks: NodeHooks = {
    preExecute: (node, _inputs, ctx) => {
      if (node.subworkflow === undefined) this.note(ctx);
    },
  };

  private note(ctx: Context): void {
    const key = ctx.idempotencyKey;
    const { idempotent } = this;
    this.made.set(key, nameOf(ctx));
    Object.defineProperty(ctx, "idempotencyKey", {
      configurable: true,
      get: () => {
        idempotent.add(key);
        return key;
      },
    });
  }
}

/** The path of a node: the id of a run inside is that of the run around it, with the node. */
function nameOf({ runId, nodeName }: Context): string {
  const [, ...outer] = runId.split("/");
  return [...outer, nodeName].join(".");
}
