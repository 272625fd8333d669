import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fsm, next, stop, type DagwrightError, type FsmResult, type FsmRunOptions } from "dagwright";
import { interpret, type Move, type Outcome, type RandomState, type Strategy } from "../support/fsm-reference.js";

const RUNS = { numRuns: 500 };
const MAX_CYCLES = 12;

function randomStates(size: number): fc.Arbitrary<RandomState[]> {
  const index = fc.nat(size - 1);
  const value = fc.nat(8);
  const move: fc.Arbitrary<Move> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("next" as const), to: index, value }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("plain" as const), value }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const), value }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("throw" as const) }) },
  );
  const conditional = fc.record({ to: index, rest: fc.nat(2) as fc.Arbitrary<number | undefined> });
  const transitions = fc
    .tuple(fc.array(conditional, { maxLength: 2 }), fc.option(index, { nil: undefined }))
    .map(([list, last]) => (last === undefined ? list : [{ to: last, rest: undefined }, ...list]));
  const state = fc.record({
    moves: fc.array(move, { minLength: 1, maxLength: 4 }),
    terminal: fc.boolean().map((flag) => flag && size > 3),
    to: fc.option(fc.uniqueArray(index, { minLength: 1 }), { nil: undefined }),
    errorState: fc.option(index, { nil: undefined }),
    transitions,
  });
  return fc.array(state, { minLength: size, maxLength: size });
}

const anyStates = fc.integer({ min: 1, max: 6 }).chain(randomStates);
const anyStrategy = fc.constantFrom<Strategy>("failFast", "continue", "continueNone");

function build(states: readonly RandomState[], isAsync: boolean): Fsm {
  const fsm = new Fsm("random");
  const visits = new Map<number, number>();
  states.forEach(({ moves, terminal, to, errorState }, i) => {
    const act = () => {
      const visit = visits.get(i) ?? 0;
      visits.set(i, visit + 1);
      const move = moves[Math.min(visit, moves.length - 1)];
      if (move.kind === "throw") throw new Error("thrown");
      if (move.kind === "next") return next(`s${move.to}`, move.value);
      return move.kind === "stop" ? stop(move.value) : move.value;
    };
    const options = {
      initial: i === 0,
      terminal,
      to: to?.map((target) => `s${target}`),
      errorState: errorState === undefined ? undefined : `s${errorState}`,
    };
    fsm.state(`s${i}`, options, isAsync && i % 2 === 0 ? async () => act() : act);
  });
  states.forEach(({ transitions }, i) => {
    for (const { to, rest } of transitions) {
      fsm.addTransition(`s${i}`, `s${to}`, rest === undefined ? "default" : (value: number) => value % 3 === rest);
    }
  });
  return fsm;
}

function observed(run: FsmResult, error: DagwrightError | undefined): Outcome {
  const history = run.cycleResults.map(({ state, value }) => [Number(state.slice(1)), value] as const);
  return { status: run.status, code: error?.code, history, isTerminated: run.isTerminated };
}

async function outcomeOf(work: () => FsmResult | Promise<FsmResult>): Promise<Outcome> {
  try {
    return observed(await work(), undefined);
  } catch (error) {
    return observed((error as { run: FsmResult }).run, error as DagwrightError);
  }
}

describe("Random machines do what the reference interpreter does", () => {
  const check = (run: (states: readonly RandomState[], options: FsmRunOptions) => FsmResult | Promise<FsmResult>) =>
    fc.assert(
      fc.asyncProperty(anyStates, anyStrategy, async (states, errorStrategy) => {
        const expected = interpret(states, MAX_CYCLES, errorStrategy);
        expect(await outcomeOf(() => run(states, { maxCycles: MAX_CYCLES, errorStrategy }))).toEqual(expected);
      }),
      RUNS,
    );

  it("in run, with synchronous states", () => check((states, options) => build(states, false).run(options)));

  it("in run, where every other state is asynchronous", () =>
    check((states, options) => build(states, true).run(options)));

  it("in runSync", () => check((states, options) => build(states, false).runSync(options)));

  it("with state hooks and node hooks that change nothing", { tags: "slow" }, () =>
    check((states, options) => {
      const fsm = build(states, true).setDefaultHooks({ preExecute: () => undefined, cleanup: async () => {} });
      return fsm
        .addStateHook(() => {})
        .addStateHook(async () => {})
        .run(options);
    }),
  );

  it("step by step", () =>
    check(async (states, options) => {
      const fsm = build(states, false);
      let step = await fsm.step(undefined, options);
      while (!step.done) step = await fsm.step(step.state);
      return step.run as FsmResult;
    }));

  it("with a history limit, keeping the end of the history", async () => {
    await fc.assert(
      fc.asyncProperty(anyStates, fc.integer({ min: 1, max: 15 }), async (states, historyLimit) => {
        const { history, ...rest } = interpret(states, MAX_CYCLES, "continue");
        const actual = await outcomeOf(() =>
          build(states, false).run({ maxCycles: MAX_CYCLES, errorStrategy: "continue", historyLimit }),
        );
        expect(actual).toEqual({ ...rest, history: history.slice(-historyLimit) });
      }),
      RUNS,
    );
  });
});
