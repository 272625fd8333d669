import { appendFileSync, existsSync } from "node:fs";
import { Dag, PauseRun } from "dagwright";

/** How the nodes of {@link wide} behave, by number. */
export interface Script {
  readonly fail?: readonly number[];
  readonly exit?: readonly number[];
  readonly pause?: readonly number[];
  /** How long each node occupies its thread, in ms. */
  readonly spin?: number;
  /** Each node occupies its thread until it is released. */
  readonly isHeld?: boolean;
}

export const WIDTH = 24;
/** Counters shared by runs: nodes running now, the most at once, and how many held nodes may go on. */
export const newGauge = () => new Int32Array(new SharedArrayBuffer(12));
/** The number of calls of each node. */
export const newBoard = () => new Int32Array(new SharedArrayBuffer(WIDTH * 4));

function enter(gauge: Int32Array): void {
  const now = Atomics.add(gauge, 0, 1) + 1;
  for (let most = Atomics.load(gauge, 1); now > most; most = Atomics.load(gauge, 1)) {
    Atomics.compareExchange(gauge, 1, most, now);
  }
}

/** Lets so many held nodes go on. */
export function release(gauge: Int32Array, count: number): void {
  Atomics.add(gauge, 2, count);
  Atomics.notify(gauge, 2);
}

function hold(gauge: Int32Array): void {
  for (;;) {
    const count = Atomics.load(gauge, 2);
    if (count === 0) Atomics.wait(gauge, 2, 0);
    else if (Atomics.compareExchange(gauge, 2, count, count - 1) === count) return;
  }
}

function behave(node: number, gauge: Int32Array, { fail, exit, pause, spin, isHeld }: Script): number {
  if (isHeld === true) hold(gauge);
  const end = performance.now() + (spin ?? 0);
  while (performance.now() < end);
  Atomics.sub(gauge, 0, 1);
  if (exit?.includes(node) === true) process.exit(3);
  if (pause?.includes(node) === true) throw new PauseRun();
  if (fail?.includes(node) === true) throw new Error(`node ${node} fails`);
  return node;
}

/** Nodes without edges that count themselves in shared memory; every third is asynchronous. */
export const wide = new Dag("wide");
for (let i = 0; i < WIDTH; i++) {
  const begin = (gauge: Int32Array, board: Int32Array) => {
    enter(gauge);
    Atomics.add(board, i, 1);
  };
  if (i % 3 === 2) {
    wide.node(`n${i}`, async (gauge: Int32Array, board: Int32Array, script: Script) => {
      begin(gauge, board);
      await new Promise((resolve) => setImmediate(resolve));
      return behave(i, gauge, script);
    });
  } else {
    wide.node(`n${i}`, (gauge: Int32Array, board: Int32Array, script: Script) => {
      begin(gauge, board);
      return behave(i, gauge, script);
    });
  }
}

/** Nodes that log their calls to a file; the failing ones fail until a file with the suffix ".mended" exists. */
export const ledger = new Dag("ledger");
for (let i = 0; i < 12; i++) {
  ledger.node(`n${i}`, (log: string, failing: number[]) => {
    appendFileSync(log, `${i}\n`);
    if (failing.includes(i) && !existsSync(`${log}.mended`)) throw new Error(`node ${i} fails`);
    return i;
  });
}
