import { isContext } from "../planning/plan.js";
import type { NodeContext } from "../run/context.js";
import type { RunState } from "../run/state.js";
import type { Arguments } from "./arguments.js";

/** The run whose nodes are called. */
export interface CallingRun {
  readonly state: RunState;
  readonly args: Arguments;
  contextOf(node: number): NodeContext;
}

/** Calls a node's function with its arguments. This is the hot path, so small numbers of them are spelled out. */
export function applyNode(run: CallingRun, node: number): unknown {
  const { args, argStart, functions, self } = run.state.plan;
  const fn = functions[node];
  const first = argStart[node];
  switch (argStart[node + 1] - first) {
    case 0:
      return fn.call(self);
    case 1:
      return fn.call(self, argument(run, node, args[first]));
    case 2:
      return fn.call(self, argument(run, node, args[first]), argument(run, node, args[first + 1]));
    default:
      return applyMany(run, node);
  }
}

/** A function of its own, so that V8 inlines the usual cases into the loop. */
function applyMany(run: CallingRun, node: number): unknown {
  const { args, argStart, functions, self } = run.state.plan;
  const fn = functions[node];
  const first = argStart[node];
  if (argStart[node + 1] - first > 3) return fn.apply(self, run.args.all(node, run.contextOf(node)));
  return fn.call(
    self,
    argument(run, node, args[first]),
    argument(run, node, args[first + 1]),
    argument(run, node, args[first + 2]),
  );
}

function argument(run: CallingRun, node: number, code: number): unknown {
  return code >= 0 ? run.state.values[code] : bound(run, node, code);
}

/** An argument that is not the entire result of a node. */
function bound(run: CallingRun, node: number, code: number): unknown {
  return run.args.value(code, node, isContext(run.state.plan, code) ? run.contextOf(node) : undefined);
}
