/**
 * What does it cost to record a run, or the items of a map, in SQLite, and to resume one?
 *
 * The peer is the bare driver executing the same statements in the same transactions, prepared once and without promises.
 * Both write to files on disk, and every commit waits for the disk. The two alternate in going first.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dag, PauseRun, type RunOptions, type RunResult } from "dagwright";
import { sqliteStore, type OpenDatabase } from "dagwright/store";
import { expectSame, median, round, verdict } from "./measure.js";
import { answer, computeAsync, shapes, sum, type Shape } from "./shapes.js";

const SAMPLES = 7;
const WARMUPS = 12;

type Statement = readonly [sql: string, parameters: readonly unknown[]];
type Libsql = new (path: string) => OpenDatabase;

const Database = createRequire(import.meta.url)("libsql") as Libsql;
const folder = mkdtempSync(join(tmpdir(), "dagwright-bench-"));
let files = 0;
const newFile = () => join(folder, `${files++}.db`);

function dagOf(shape: Shape): Dag {
  const dag = new Dag("bench", { autowire: false });
  shape.forEach((needs, i) => dag.node(`n${i}`, { needs: needs.map((need) => `n${need}`) }, computeAsync));
  return dag.validateOrThrow();
}

/** A store whose tables exist already. */
async function newStore(database: OpenDatabase) {
  const store = sqliteStore(database);
  await store.listRuns();
  return store;
}

/** The statements that a recorded run executes, without those that create the tables. */
async function statementsOf(dag: Dag<any>, options: RunOptions): Promise<Statement[]> {
  const database = new Database(newFile());
  const statements: Statement[] = [];
  let isRecording = false;
  const note = (sql: string, parameters: readonly unknown[]) =>
    void (isRecording && statements.push([sql, parameters]));
  const store = await newStore({
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.reader,
        all: (parameters) => (note(sql, parameters), statement.all(parameters)),
        run: (parameters) => (note(sql, parameters), statement.run(parameters)),
        iterate: (parameters) => (note(sql, parameters), statement.iterate(parameters)),
      };
    },
  });
  isRecording = true;
  await dag.run({ mode: "async", store, ...options });
  await store.close();
  return statements;
}

/** The time that the bare driver takes for the statements, in ms. */
async function bare(statements: readonly Statement[]): Promise<number> {
  const file = newFile();
  await (await newStore(new Database(file))).close();
  const database = new Database(file);
  for (const setting of ["journal_mode = wal", "synchronous = full"]) database.prepare(`pragma ${setting}`).all([]);
  const prepared = new Map(Array.from(new Set(statements.map(([sql]) => sql)), (sql) => [sql, database.prepare(sql)]));
  const begin = performance.now();
  for (const [sql, parameters] of statements) {
    const statement = prepared.get(sql) as ReturnType<OpenDatabase["prepare"]>;
    if (statement.reader) statement.all(parameters);
    else statement.run(parameters);
  }
  const ms = performance.now() - begin;
  database.close();
  return ms;
}

/** The time that a recorded run takes, in ms. */
async function recorded(dag: Dag<any>, { answerOf, expected }: Answer, options: RunOptions): Promise<number> {
  const store = await newStore(new Database(newFile()));
  const begin = performance.now();
  const run = await dag.run({ mode: "async", store, ...options });
  const ms = performance.now() - begin;
  await store.close();
  expectSame(run.status, "completed", "the recorded run");
  expectSame(answerOf(run), expected, "the recorded run");
  return ms;
}

/** The median without the warm-ups. */
const middle = (times: number[]) => times.slice(WARMUPS).sort((a, b) => a - b)[SAMPLES >> 1];

/** What a run has to compute. */
interface Answer {
  readonly expected: number;
  readonly answerOf: (run: RunResult<any>) => number;
}

const answerTo = (shape: Shape): Answer => ({
  expected: answer(shape),
  answerOf: ({ results }) => sum(Object.values(results)),
});

/** Compares a recorded run to the bare driver. */
async function compare(dag: Dag<any>, expected: Answer, options: RunOptions = {}) {
  const statements = await statementsOf(dag, options);
  const times = { bare: [] as number[], recorded: [] as number[] };
  for (let i = 0; i < WARMUPS + SAMPLES; i++) {
    if (i % 2 === 0) times.bare.push(await bare(statements));
    times.recorded.push(await recorded(dag, expected, options));
    if (i % 2 === 1) times.bare.push(await bare(statements));
  }
  const commits = statements.filter(([sql]) => sql === "commit").length;
  return { bare: middle(times.bare), recorded: middle(times.recorded), commits, statements: statements.length };
}

/** The time that an unrecorded run takes, in ns a node. */
async function plainRun(): Promise<number> {
  const dag = dagOf(shapes.layered(10_000));
  return ((await median(() => dag.run({ mode: "async" }), 51, 10)) * 1e6) / 10_000;
}

const plainBefore = await plainRun();

// --- nodes per second ---

let [bareTotal, recordedTotal] = [0, 0];
for (const [name, size] of [
  ["wide", 10_000],
  ["layered", 10_000],
  ["diamonds", 1000],
] as const) {
  const shape = shapes[name](size);
  const times = await compare(dagOf(shape), answerTo(shape));
  bareTotal += times.bare;
  recordedTotal += times.recorded;
  const rate = (ms: number) => `${round((size / ms) * 1000)} nodes/s`;
  const ratio = round(times.bare / times.recorded);
  const work = `${times.statements} statements in ${times.commits} transactions`;
  console.log(`${name}, ${size} nodes, ${work}: ${rate(times.recorded)}, bare ${rate(times.bare)}, ratio ${ratio}`);
}
verdict("recorded nodes/s / the bare driver's, all shapes together", bareTotal / recordedTotal, "≥", 0.6);

// --- items per second ---

const ITEMS = 10_000;
const mapped = new Dag<any>("mapped");
const items = mapped.node("items", () => Array.from({ length: ITEMS }, (_, i) => i));
mapped.map("map", { needs: [items] } as never, computeAsync as never);
const ofItems = await compare(mapped.validateOrThrow(), {
  expected: sum(Array.from({ length: ITEMS }, (_, i) => i + 1)),
  answerOf: (run) => sum(run.get("map") as number[]),
});
const itemRate = (ms: number) => `${round((ITEMS / ms) * 1000)} items/s`;
console.log(
  `a map of ${ITEMS} items, ${ofItems.statements} statements in ${ofItems.commits} transactions: ${itemRate(ofItems.recorded)}, bare ${itemRate(ofItems.bare)}`,
);
verdict("recorded items/s / the bare driver's", ofItems.bare / ofItems.recorded, "≥", 0.6);

// --- the time of a durable step ---

const STEPS = 500;
const steps = await compare(dagOf(shapes.chain(STEPS)), answerTo(shapes.chain(STEPS)));
const step = steps.recorded / steps.commits;
console.log(
  `a step of a chain: ${round(step * 1000)} µs, the bare driver's transaction: ${round((steps.bare / steps.commits) * 1000)} µs`,
);
verdict("a durable step / one bare commit", steps.recorded / steps.bare, "≤", 1.6);
const relaxed = await compare(dagOf(shapes.chain(STEPS)), answerTo(shapes.chain(STEPS)), { durability: "relaxed" });
console.log(
  `durability "relaxed": ${round((relaxed.recorded / STEPS) * 1000)} µs a step in ${relaxed.commits} transactions`,
);

// --- resuming a run that is half done ---

/** The time that resuming takes when half of the nodes are done and one has paused, in ns a node. */
async function resume(size: number): Promise<number> {
  const dag = new Dag("half");
  dag.node("approve", (): number => {
    throw new PauseRun("halfway");
  });
  for (let i = 1; i < size; i++)
    dag.node(`n${i}`, { params: ["x"], after: i % 2 === 0 ? [] : ["approve"] }, (x: number) => x + i);
  const times: number[] = [];
  for (let i = 0; i < WARMUPS + SAMPLES; i++) {
    const store = await newStore(new Database(newFile()));
    const paused = await dag.run({ mode: "async", store, runId: "half", inputs: { x: 1 } });
    expectSame(paused.status, "paused", "the first half");
    const begin = performance.now();
    const run = await dag.resume("half", { mode: "async", store, provide: { approve: 1 } });
    times.push(performance.now() - begin);
    expectSame(run.status, "completed", "the second half");
    await store.close();
  }
  return (middle(times) * 1e6) / size;
}

const resumes = { 10_000: await resume(10_000), 40_000: await resume(40_000) };
for (const [size, ns] of Object.entries(resumes))
  console.log(`resume ${size} nodes, half of them done: ${round(ns)} ns a node`);
verdict("resume, ns a node: 40,000 / 10,000 nodes", resumes[40_000] / resumes[10_000], "≤", 2);

// --- the cost for runs that are not recorded ---

const plainAfter = await plainRun();
console.log(
  `an unrecorded run of layered, 10,000 nodes: ${round(plainBefore)} ns a node, after recorded ones ${round(plainAfter)} ns`,
);
verdict("an unrecorded run, after recorded ones / before any", plainAfter / plainBefore, "≤", 1.1);

rmSync(folder, { recursive: true });
