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
