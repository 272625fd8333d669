import type { Backend } from "./backend.js";

/** Runs attempts where the engine runs: on the caller's thread, as an ordinary function call. */
export const inline: Backend = {
  name: "inline",
  execute: ({ spec, args }) => spec.fn.apply(spec.self, args as unknown[]),
};
