/**
 * What does a transition of an fsm cost?
 *
 * Ping-pong (two states that pass a counter back and forth) and a ring of 20 states, 100,000 transitions each. Compares
 * `runSync` and `run` to XState v5 (`createActor().send`, one event per transition, the counter in its context) and to a
 * switch in a loop that keeps the same history. Every contender's answer is checked.
 */
import { Fsm, next, stop } from "dagwright";
import { assign, createActor, createMachine } from "xstate";
import { expectSame, median, round, verdict } from "./measure.js";

const TRANSITIONS = 100_000;

function fsmOf(size: number): Fsm {
  const fsm = new Fsm("ring");
  for (let i = 0; i < size; i++) {
    const target = `s${(i + 1) % size}`;
    fsm.state(`s${i}`, { initial: i === 0, to: [target] }, (count: number) =>
      count === TRANSITIONS ? stop(count) : next(target, count + 1),
    );
  }
  return fsm;
}

function machineOf(size: number) {
  const states = Array.from({ length: size }, (_, i) => [
    `s${i}`,
    {
      on: {
        NEXT: {
          target: `s${(i + 1) % size}`,
          actions: assign({ count: ({ context }: { context: { count: number } }) => context.count + 1 }),
        },
      },
    },
  ]);
  return createMachine({
    id: "ring",
    initial: "s0",
    context: { count: 0 },
    states: Object.fromEntries(states),
  } as never);
}

function viaXState(machine: ReturnType<typeof machineOf>): number {
  const actor = createActor(machine).start();
  for (let i = 0; i < TRANSITIONS; i++) actor.send({ type: "NEXT" });
  return (actor.getSnapshot().context as { count: number }).count;
}

/** The states written by hand, with the history that an fsm keeps: each state and its value. */
function byHand(size: number): number {
  const states: string[] = [];
  const values: number[] = [];
  let current = "s0";
  let count = 0;
  for (;;) {
    states.push(current);
    values.push(count);
    if (count === TRANSITIONS) return values[values.length - 1];
    count++;
    switch (current) {
      case "s0":
        current = "s1";
        break;
      case "s1":
        current = size === 2 ? "s0" : "s2";
        break;
      case "s2":
        current = "s3";
        break;
      case "s3":
        current = "s4";
        break;
      case "s4":
        current = "s5";
        break;
      case "s5":
        current = "s6";
        break;
      case "s6":
        current = "s7";
        break;
      case "s7":
        current = "s8";
        break;
      case "s8":
        current = "s9";
        break;
      case "s9":
        current = "s10";
        break;
      case "s10":
        current = "s11";
        break;
      case "s11":
        current = "s12";
        break;
      case "s12":
        current = "s13";
        break;
      case "s13":
        current = "s14";
        break;
      case "s14":
        current = "s15";
        break;
      case "s15":
        current = "s16";
        break;
      case "s16":
        current = "s17";
        break;
      case "s17":
        current = "s18";
        break;
      case "s18":
        current = "s19";
        break;
      default:
        current = "s0";
    }
  }
}

for (const [name, size] of [
  ["ping-pong", 2],
  ["ring of 20", 20],
] as const) {
  const fsm = fsmOf(size);
  const machine = machineOf(size);
  const options = { inputs: { count: 0 }, maxCycles: TRANSITIONS + 1 };
  const contenders: Record<string, () => unknown> = {
    "switch loop": () => byHand(size),
    runSync: () => fsm.runSync(options).value,
    run: async () => (await fsm.run(options)).value,
    XState: () => viaXState(machine),
  };
  const medians: Record<string, number> = {};
  for (const [label, contender] of Object.entries(contenders)) {
    expectSame(await contender(), TRANSITIONS, `${label}, ${name}`);
    medians[label] = await median(contender, label === "XState" ? 7 : 25, 5);
    console.log(`${name}: ${label} ${round((medians[label] * 1e6) / TRANSITIONS)} ns a transition`);
  }
  verdict(`${name}, XState / runSync`, medians.XState / medians.runSync, "≥", 10);
  verdict(`${name}, XState / run`, medians.XState / medians.run, "≥", 3);
  verdict(`${name}, runSync / switch loop`, medians.runSync / medians["switch loop"], "≤", 6);
}
