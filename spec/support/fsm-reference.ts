/** What a state does in one execution. */
export type Move =
  | { readonly kind: "next"; readonly to: number; readonly value: number }
  | { readonly kind: "stop" | "plain"; readonly value: number }
  | { readonly kind: "throw" };

export interface RandomState {
  /** What it does at each visit; the last move repeats. */
  readonly moves: readonly Move[];
  readonly terminal: boolean;
  readonly to: readonly number[] | undefined;
  readonly errorState: number | undefined;
  /** Where plain values lead: those with the remainder `rest` when divided by three, or all. */
  readonly transitions: readonly { readonly to: number; readonly rest: number | undefined }[];
}

export type Strategy = "failFast" | "continue" | "continueNone";

export interface Outcome {
  readonly status: string;
  readonly code: string | undefined;
  readonly history: readonly (readonly [state: number, value: unknown])[];
  readonly isTerminated: boolean;
}

/** The rules of state machines, implemented naively. */
export function interpret(states: readonly RandomState[], maxCycles: number, strategy: Strategy): Outcome {
  const history: [number, unknown][] = [];
  const visits = states.map(() => 0);
  let failed = false;
  const end = (status: string, code?: string, isTerminated = false): Outcome => ({
    status,
    code,
    history,
    isTerminated,
  });
  for (let current = 0; ;) {
    if (history.length === maxCycles) return end("failed", "MAX_CYCLES");
    const { moves, terminal, to, errorState, transitions } = states[current];
    const move = moves[Math.min(visits[current]++, moves.length - 1)];
    const value = move.kind === "throw" ? undefined : move.value;
    history.push([current, value]);
    const finish = () => end(failed ? "failed" : "completed", undefined, true);
    const follow = (plain: unknown) =>
      transitions.find(({ rest }) => rest !== undefined && (plain as number) % 3 === rest) ??
      transitions.find(({ rest }) => rest === undefined);
    let error = move.kind === "throw" ? "EXECUTION" : undefined;
    let target: number | undefined;
    if (error === undefined) {
      if (terminal || move.kind === "stop") return finish();
      target = move.kind === "next" ? move.to : follow(value)?.to;
      if (target === undefined) return finish();
      if (to !== undefined && !to.includes(target)) error = "INVALID_TRANSITION";
    }
    if (error !== undefined) {
      if (errorState !== undefined && errorState !== current) target = errorState;
      else if (strategy === "failFast") return end("failed", error);
      else if (strategy === "continue") return end("failed");
      else {
        failed = true;
        history[history.length - 1][1] = null;
        target = terminal ? undefined : follow(null)?.to;
        if (target === undefined) return finish();
        if (to !== undefined && !to.includes(target)) return end("failed", "INVALID_TRANSITION");
      }
    }
    current = target as number;
  }
}
