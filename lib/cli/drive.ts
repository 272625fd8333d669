/** Drives runs in view of a person, or of a program that reads events. */
import { writeFileSync } from "node:fs";
import { commandLine } from "../base/command-line.js";
import { messageOf } from "../base/message.js";
import {
  ExecutionError,
  type DryRun,
  type FsmResult,
  type Observer,
  type RunOptions,
  type RunResult,
} from "../index.js";
import { progress } from "../observers.js";
import { eventJson, toJson } from "../observers/event-json.js";
import { brief } from "../observers/text.js";
import type { SqlStore } from "../store.js";
import { Exit, exitCodeFor, Failure } from "./exit.js";
import { explain } from "./explain.js";
import { Interrupts } from "./interrupts.js";
import { runOptionsOf, type DrivingOptions, type RecordedOptions } from "./options.js";
import { complain, print, shown } from "./output.js";
import { withStore } from "./stores.js";

/** The result of a run, of either kind. */
export type AnyResult = RunResult<any> | FsmResult<any>;

/** Where a run is recorded, and what can go on with it. */
export interface Place {
  readonly file: string;
  readonly workflow?: string | undefined;
  readonly store: string;
}

/** What there is to drive. */
export interface Drive {
  /** What the run is going to do, if that is known. Not called with `json`. */
  readonly plan?: (() => DryRun | undefined) | undefined;
  /** Where it is recorded, for what to do next. */
  readonly place?: Place | undefined;
  /** Begins the run. */
  readonly begin: (options: Watching) => Promise<AnyResult>;
}

/** The options by which a run is in view, and can be interrupted. */
interface Watching {
  readonly observers: readonly Observer[];
  readonly signal: AbortSignal;
}

/** Drives a run to its end, and prints how it ended and how to continue. @returns the exit code */
export async function drive(options: DrivingOptions, { plan, place, begin }: Drive): Promise<number> {
  const { json = false, output } = options;
  const interrupts = new Interrupts();
  try {
    const observers = [json ? jsonEvents() : progress({ plan: plan?.() })];
    const run = await begin({ observers, signal: interrupts.signal });
    if (output !== undefined) writeValue(output, run.value);
    if (!json && run.status === "completed" && run.value !== undefined) print(shown(run.value));
    tellNext(run, place);
    return exitCodeFor(run.status);
  } catch (error) {
    const run = error instanceof ExecutionError ? (error.run as AnyResult | undefined) : undefined;
    if (run === undefined) throw error;
    if (interrupts.code === undefined) {
      explain(error);
      tellNext(run, place);
      return Exit.failed;
    }
    tellInterrupted(run, place);
    return interrupts.code;
  } finally {
    interrupts.close();
  }
}

/**
 * Drives a run of a store.
 * @param begin - gets the options of the command line, the store, and what `drive` gives
 * @returns the exit code
 */
export function driveRecorded(
  file: string,
  options: RecordedOptions,
  begin: (options: RunOptions & Watching & { readonly store: SqlStore }) => Promise<AnyResult>,
): Promise<number> {
  const { workflow, store: address } = options;
  const own = runOptionsOf(options);
  return withStore(address, (store) =>
    drive(options, {
      place: { file, workflow, store: address },
      begin: (rest) => begin({ ...own, store, ...rest }),
    }),
  );
}

/** An observer that writes events to stdout, one a line. */
export function jsonEvents(): Observer {
  return (event) => print(eventJson(event));
}

function writeValue(file: string, value: unknown): void {
  try {
    writeFileSync(file, `${toJson(value)}\n`);
  } catch (error) {
    throw new Failure(`The result can't be written to ${brief(file)}: ${messageOf(error)}`);
  }
}

function tellInterrupted(run: AnyResult, place: Place | undefined): void {
  const names = completedIn(run);
  complain(`Interrupted. ${names.length === 0 ? "Nothing was completed" : `Completed: ${someOf(names)}`}.`);
  if (place === undefined) complain("Record runs with --store to go on where they were interrupted.");
  else complain(`Go on with: ${resumeLine(place, run)}`);
}

/** How to go on with a run that did not complete. */
function tellNext(run: AnyResult, place: Place | undefined): void {
  if (run.status === "completed") return;
  switch (run.status) {
    case "paused": {
      complain(`Paused${run.pauseReason === undefined ? "" : `: ${brief(run.pauseReason)}`}`);
      const provided = run.pauses.flatMap(({ node }) => ["--provide", `${node}=…`]);
      if (place !== undefined) complain(`Go on with: ${resumeLine(place, run, ...provided)}`);
      return;
    }
    case "waiting": {
      const { events = [], until } = run.waitingFor ?? {};
      const whats = [
        ...events.map((event) => brief(event, 80)),
        ...(until === undefined ? [] : [new Date(until).toISOString()]),
      ];
      complain(`Put away. It waits for ${whats.join(", ")}.`);
      if (place === undefined) return;
      if (events.length > 0) complain(`Send: ${line("send", run.runId, events[0], "…", "--store", place.store)}`);
      complain(`Go on with: ${line("recover", place.file, ...placeOptions(place))}`);
      return;
    }
    default:
      if (place !== undefined) complain(`Go on with: ${resumeLine(place, run)}`);
  }
}

function resumeLine(place: Place, { runId }: AnyResult, ...rest: string[]): string {
  return line("resume", place.file, runId, ...placeOptions(place), ...rest);
}

function line(...args: readonly string[]): string {
  return commandLine(args, process.platform === "win32");
}

function placeOptions({ workflow, store }: Place): string[] {
  return [...(workflow === undefined ? [] : ["--workflow", workflow]), "--store", store];
}

function completedIn(run: AnyResult): string[] {
  if (!("nodes" in run)) return Array.from(new Set(run.stateHistory));
  return Array.from(run.nodes).flatMap(([name, { status }]) => (status === "completed" ? [name] : []));
}

function someOf(names: readonly string[]): string {
  const some = names
    .slice(0, 10)
    .map((name) => brief(name, 80))
    .join(", ");
  return names.length > 10 ? `${some} and ${names.length - 10} more` : some;
}
