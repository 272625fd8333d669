/** Runs that crash, are aborted, complete, or lose their pool, on small pools and at random times. Prints unknown outcomes. */
import { isMainThread } from "node:worker_threads";
import { Dag, ThreadPool } from "dagwright";

const enter = (gauge) => {
  const now = Atomics.add(gauge, 0, 1) + 1;
  for (let most = Atomics.load(gauge, 1); now > most; most = Atomics.load(gauge, 1)) {
    Atomics.compareExchange(gauge, 1, most, now);
  }
};
const leave = (gauge) => Atomics.sub(gauge, 0, 1);

export const working = new Dag("working");
for (let i = 0; i < 8; i++) {
  const waits = async (gauge, ms) => {
    enter(gauge);
    await new Promise((resolve) => setTimeout(resolve, ms));
    leave(gauge);
  };
  const spins = (gauge, ms) => {
    enter(gauge);
    for (const end = performance.now() + ms; performance.now() < end;);
    leave(gauge);
  };
  const timeout = i % 4 === 3 ? 15 : undefined;
  working.node(
    `n${i}`,
    timeout === undefined ? { backend: "thread" } : { backend: "thread", timeout },
    i % 2 ? waits : spins,
  );
}

export const crashing = new Dag("crashing");
for (let i = 0; i < 6; i++) {
  crashing.node(`n${i}`, { backend: "thread" }, (gauge, ms) => {
    enter(gauge);
    leave(gauge);
    if ((i + ms) % 2) process.exit(i);
  });
}

const random = (n) => Math.floor(Math.random() * n);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function oneRun(pool, gauge) {
  if (random(2)) await sleep(random(120));
  const controller = new AbortController();
  if (random(3) === 0) setTimeout(() => controller.abort(), random(150));
  const options = {
    mode: ["async", "parallel", "sequential"][random(3)],
    pool,
    inputs: { gauge, ms: random(8) },
    signal: controller.signal,
    errorStrategy: random(2) ? "continue" : "failFast",
  };
  if (random(4) === 0) options.timeout = 40 + random(100);
  try {
    return (await (random(3) ? working : crashing).run(options)).status;
  } catch (error) {
    return error.code ?? error.message;
  }
}

async function rounds(count, seen) {
  for (let round = 0; round < count; round++) {
    const maxWorkers = 1 + random(3);
    const pool = new ThreadPool({ maxWorkers, idleTimeout: [0, 5, 1000][random(3)] });
    const gauge = new Int32Array(new SharedArrayBuffer(8));
    const runs = Array.from({ length: 1 + random(5) }, () => oneRun(pool, gauge));
    const closed = random(2) ? sleep(random(200)).then(() => pool.close()) : undefined;
    for (const outcome of await Promise.all(runs)) seen.add(outcome);
    await closed;
    await pool.close();
    // Nodes whose thread was terminated did not leave.
    if (gauge[1] > maxWorkers + gauge[0]) console.log(`${gauge[1]} nodes were on ${maxWorkers} threads`);
  }
}

if (isMainThread) {
  const seen = new Set();
  await Promise.all(Array.from({ length: 5 }, () => rounds(10, seen)));
  const known = /^(completed|failed|BACKEND|CANCELLED|RUN_TIMEOUT|NODE_TIMEOUT|CLOSED)$/;
  console.log([...seen].filter((outcome) => !known.test(outcome)).join() || "all settled");
}
