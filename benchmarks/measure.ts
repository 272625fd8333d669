/** The median time of `run` in ms over `samples` calls, after `warmups` calls that are not counted. */
export async function median(run: () => unknown, samples: number, warmups = 1): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < warmups + samples; i++) {
    const begin = performance.now();
    await run();
    if (i >= warmups) times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

/**
 * How long `work` takes, in ms: the elapsed time, or the processor time of this process if that is less, because other
 * programs used the processor.
 */
export async function timeOf(work: () => unknown): Promise<number> {
  const [used, began] = [process.cpuUsage(), performance.now()];
  await work();
  const elapsed = performance.now() - began;
  const { user, system } = process.cpuUsage(used);
  return Math.min(elapsed, (user + system) / 1000);
}

/** How often contenders take turns, and what each of them has to compute. */
export interface Turns<T> {
  readonly rounds: number;
  /** The rounds before these, which are not counted. @defaultValue 3 */
  readonly warmups?: number;
  readonly expected: unknown;
  /** @defaultValue the result itself */
  readonly answerOf?: (result: T) => unknown;
}

/**
 * The median time of each contender, in ms, see {@link timeOf}. They take turns, so that a busy moment slows all of them,
 * and each is the first as often as any other: garbage that one leaves may be collected in the turn of the next.
 */
export async function takeTurns<K extends string, T = unknown>(
  contenders: Readonly<Record<K, () => T | Promise<T>>>,
  { rounds, warmups = 3, expected, answerOf = (result) => result }: Turns<T>,
): Promise<Record<K, number>> {
  const names = Object.keys(contenders) as K[];
  const times = new Map(names.map((name): [K, number[]] => [name, []]));
  for (let round = -warmups; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + warmups) % names.length];
      let result: unknown;
      const time = await timeOf(async () => (result = await contenders[name]()));
      expectSame(answerOf(result as T), expected, name);
      if (round >= 0) times.get(name)?.push(time);
    }
  }
  const medians = names.map((name) => [name, times.get(name)?.sort((a, b) => a - b)[rounds >> 1]]);
  return Object.fromEntries(medians) as Record<K, number>;
}

/** The medians of two contenders, in ms, and their ratio. */
export interface Comparison {
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
}

/**
 * The median elapsed time of two contenders that wait for other threads or processes. They take turns, and alternate in
 * going first: otherwise the garbage collection of large buffers would always fall to the same one.
 * @param warmups - the turns before these, which are not counted
 */
export async function compare(
  samples: number,
  ours: () => unknown,
  theirs: () => unknown,
  warmups = samples,
): Promise<Comparison> {
  const times: [number[], number[]] = [[], []];
  for (let i = -warmups; i < samples; i++) {
    for (const which of i % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = performance.now();
      await (which === 0 ? ours() : theirs());
      if (i >= 0) times[which].push(performance.now() - start);
    }
  }
  const [a, b] = times.map((list) => list.sort((x, y) => x - y)[list.length >> 1]);
  return { ours: a, theirs: b, ratio: a / b };
}

/** @throws {Error} when a benchmark computed a wrong result */
export function expectSame(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} gave ${String(actual)}, expected ${String(expected)}.`);
}

/** Prints whether a target was reached. After a missed one, the process exits with 1 at its end. */
export function verdict(what: string, value: number, comparison: "≤" | "≥", target: number): void {
  const reached = comparison === "≤" ? value <= target : value >= target;
  if (!reached) process.exitCode = 1;
  console.log(`${reached ? "reached" : "MISSED "}  ${what}: ${round(value)} (target: ${comparison} ${target})`);
}

/** Rounds to three significant digits. */
export function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
