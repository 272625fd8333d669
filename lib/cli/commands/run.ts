import { spawn } from "node:child_process";
import type { Command } from "commander";
import { show } from "../../base/check.js";
import type { Dag, DryRun, PartialRunOptions, Workflow } from "../../index.js";
import type { SqlStore } from "../../store.js";
import { drive, type AnyResult } from "../drive.js";
import { UsageError } from "../exit.js";
import { loadWorkflow, type AnyWorkflow } from "../load-workflows.js";
import {
  given,
  runOptionsOf,
  withDriving,
  withInputs,
  withOptionalStore,
  withWorkflow,
  type DrivingOptions,
  type WorkflowOption,
} from "../options.js";
import { withStore } from "../stores.js";
import { givenInputs, inputsFor, type InputOptions } from "../values.js";

interface RunOptions extends DrivingOptions, WorkflowOption, InputOptions {
  readonly store?: string;
  readonly runId?: string;
  readonly from?: string;
  readonly until?: string;
  readonly watch?: boolean;
}

export function addRun(root: Command): void {
  const command = root.command("run").summary("run a workflow").description("Runs a workflow, with a live view.");
  withWorkflow(command);
  withInputs(command);
  withOptionalStore(command);
  withDriving(command)
    .option("--run-id <id>", "the id of the run")
    .option("--from <node>", "only this node and those after it, with results of the latest run in the store")
    .option("--until <node>", "only this node and those before it")
    .option("--watch", "runs it again whenever its files change")
    .action(async (file: string, options: RunOptions) => {
      process.exitCode = options.watch === true ? await watch() : await run(file, options);
    });
}

async function run(file: string, options: RunOptions): Promise<number> {
  const workflow = await loadWorkflow(file, options.workflow);
  const { store: address } = options;
  if (address === undefined) return runIn(undefined, workflow, file, options);
  return withStore(address, (store) => runIn(store, workflow, file, options), { mustExist: false });
}

async function runIn(
  store: SqlStore | undefined,
  workflow: AnyWorkflow,
  file: string,
  options: RunOptions,
): Promise<number> {
  const { runId, from, until } = options;
  const isPart = from !== undefined || until !== undefined;
  const inputs = isPart ? givenInputs(workflow, options) : inputsFor(workflow, options);
  const own = given({ ...runOptionsOf(options), inputs, store, runId });
  const plan = (): DryRun | undefined => (workflow.kind === "dag" && !isPart ? workflow.dryRun(own) : undefined);
  const place = options.store === undefined ? undefined : { file, workflow: options.workflow, store: options.store };
  const begin = (rest: PartialRunOptions<any>): Promise<AnyResult> =>
    isPart ? runPart(workflow, { ...own, ...rest }, options) : runWhole(workflow, { ...own, ...rest });
  return drive(options, { plan, place, begin });
}

/** With a store, others can send it events. */
function runWhole(workflow: Workflow<any>, options: PartialRunOptions<any>): Promise<AnyResult> {
  if (options.store === undefined) return workflow.run(options) as Promise<AnyResult>;
  const { result } = workflow.start(options) as { readonly result: Promise<AnyResult> };
  return result;
}

async function runPart(
  workflow: AnyWorkflow,
  options: PartialRunOptions<any>,
  { from, until }: RunOptions,
): Promise<AnyResult> {
  if (workflow.kind !== "dag") throw new UsageError(`${show(workflow.name)} is an fsm, of which no part can be run.`);
  for (const name of [from, until]) {
    if (name !== undefined && !workflow.nodes.has(name)) {
      throw new UsageError(`${show(workflow.name)} has no node ${show(name)}. It has: ${namesIn(workflow)}.`);
    }
  }
  if (from === undefined) return workflow.runUntil(until as string, options);
  const earlier = { ...options, from: await latestRun(workflow, options.store as SqlStore | undefined) };
  return until === undefined ? workflow.runFrom(from, earlier) : workflow.runBetween(from, until, earlier);
}

/** The latest completed run of a workflow in a store. @throws {UsageError} when there is none */
async function latestRun(workflow: AnyWorkflow, store: SqlStore | undefined): Promise<string> {
  if (store === undefined) throw new UsageError("--from needs the --store that has an earlier run.");
  const { runs } = await store.listRuns({ workflow: workflow.name, status: "completed", roots: true, limit: 1 });
  if (runs.length === 0)
    throw new UsageError(`The store has no completed run of ${show(workflow.name)} to go on from.`);
  return runs[0].runId;
}

function namesIn(workflow: Dag<any, any, any>): string {
  return Array.from(workflow.nodes.keys()).slice(0, 20).join(", ");
}

/** Lets Node run this command again whenever a module that it has imported changes. */
function watch(): Promise<number> {
  const args = process.argv.slice(1).filter((arg) => arg !== "--watch");
  const flags = [...process.execArgv, "--watch", "--watch-preserve-output", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, ...args], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 130));
  });
}
