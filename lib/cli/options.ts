/** Options that several commands have. */
import { Option, type Command } from "commander";
import type { RunOptions } from "../index.js";
import { addValue, duration, wholeNumber } from "./values.js";

/** The options of {@link withWorkflow}. */
export interface WorkflowOption {
  readonly workflow?: string;
}

/** The options of {@link withStoreOption}. */
export interface StoreOption {
  readonly store: string;
}

/** The options of {@link withDriving}. */
export interface DrivingOptions extends Pick<
  RunOptions,
  "mode" | "executor" | "concurrency" | "maxWorkers" | "timeout" | "detach"
> {
  readonly json?: boolean;
  readonly output?: string;
}

/** The options of commands that go on with recorded runs. */
export interface RecordedOptions extends DrivingOptions, WorkflowOption, StoreOption {}

/** Adds the file with workflows, and the option to choose one of them. */
export function withWorkflow(command: Command): Command {
  return command
    .argument("<file>", "a module that exports a workflow: TypeScript or JavaScript")
    .option("-w, --workflow <name>", "which workflow of the file is meant");
}

/** Adds the options for inputs. */
export function withInputs(command: Command): Command {
  return command
    .option("-i, --input <name=value>", "an input, in JSON where it parses, else text; can be repeated", addValue)
    .option("--inputs <file>", 'a JSON file with inputs by name; "-" for stdin');
}

export function withStoreOption(command: Command): Command {
  return command.addOption(storeOption().makeOptionMandatory());
}

/** Adds the store, which may be left out. */
export function withOptionalStore(command: Command): Command {
  return command.addOption(storeOption());
}

function storeOption(): Option {
  return new Option("-s, --store <store>", "a SQLite file, or the URL of a Postgres database");
}

export function modeOption(): Option {
  const option = new Option("-m, --mode <mode>", "where and how nodes run");
  return option.choices(["sequential", "async", "parallel", "hybrid"]);
}

/** Adds the options of commands that drive runs. */
export function withDriving(command: Command): Command {
  return command
    .addOption(modeOption())
    .addOption(new Option("--executor <name>", "which ready node is next").choices(["workQueue", "level", "reactive"]))
    .option("-c, --concurrency <number>", "how many run at once", wholeNumber)
    .option("--max-workers <number>", "how many worker threads there are at most", wholeNumber)
    .option("--timeout <duration>", "how long a run may take, such as 30s or 5min", duration)
    .option("--detach", "puts a run away when it only waits, instead of waiting with it")
    .option("--json", "writes events as JSON to stdout, one a line")
    .option("-o, --output <file>", "writes the result as JSON to a file");
}

/** Those of the options that the library knows, without those that were not given. */
export function runOptionsOf(options: DrivingOptions): RunOptions {
  const { mode, executor, concurrency, maxWorkers, timeout, detach } = options;
  return given({ mode, executor, concurrency, maxWorkers, timeout, detach });
}

/** The properties that are not undefined. */
export function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
