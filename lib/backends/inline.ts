import type { LazyAbort } from "../base/abort.js";
import type { AttemptCall, Backend } from "./backend.js";

/** Runs attempts where the engine runs: on the caller's thread, as an ordinary function call. */
export const inline = {
  name: "inline",
  limit: Infinity,
  execute({ spec, args }: AttemptCall, _: LazyAbort, onStart: () => void): unknown {
    onStart();
    return spec.fn.apply(spec.self, args as unknown[]);
  },
  close: () => Promise.resolve(),
} satisfies Backend;
