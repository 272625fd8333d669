import type { LazyAbort } from "../base/abort.js";
import { callWith } from "../definition/current-context.js";
import type { AttemptCall, Runner } from "./runner.js";

/** Runs attempts where the engine runs: on the caller's thread, as an ordinary function call. */
export const inline = {
  name: "inline",
  limit: Infinity,
  execute({ spec, args, ctx }: AttemptCall, _: LazyAbort, onStart: () => void): unknown {
    onStart();
    return callWith(ctx, spec, args);
  },
} satisfies Runner;
