/** Values that come from the command line. */
import { readFileSync } from "node:fs";
import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import { suggestion } from "../base/nearest.js";
import { define, isJsonObject, ownValue } from "../base/objects.js";
import { InvalidArgumentError } from "commander";
import type { Priority } from "../index.js";
import type { AnyWorkflow } from "./load-workflows.js";
import { UsageError } from "./exit.js";

/** Values by name. */
export type Values = Readonly<Record<string, unknown>>;

/** A value: JSON where it parses, else text. */
export function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Adds `name=value` to the values of an option that can be repeated. */
export function addValue(text: string, values: Values = {}): Values {
  const end = text.indexOf("=");
  if (end <= 0) throw new InvalidArgumentError("It must be name=value.");
  const added = { ...values };
  define(added, text.slice(0, end), valueOf(text.slice(end + 1)));
  return added;
}

/** Adds names that are separated by commas. */
export function addNames(text: string, names: readonly string[] = []): readonly string[] {
  return [...names, ...text.split(",").filter((name) => name !== "")];
}

/** A whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/u.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration in ms: a number of them, or one with a unit, as `30s`, `5min`, `2h` or `7d`. */
export function duration(text: string): number {
  const [, number, unit = "ms"] = /^(\d+(?:\.\d+)?) *([a-z]+)?$/u.exec(text) ?? [];
  const factor = number === undefined ? undefined : ownValue(UNITS, unit);
  if (factor === undefined) throw new InvalidArgumentError("It must be a duration, such as 500, 30s, 5min, 2h or 7d.");
  return Number(number) * factor;
}

/** A date and time in ISO 8601. */
export function date(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new InvalidArgumentError("It must be a date, such as 2030-01-31T08:00Z.");
  return time;
}

/** The options that give a run its inputs. */
export interface InputOptions {
  readonly input?: Values;
  /** A file of JSON. */
  readonly inputs?: string;
}

/**
 * The inputs that were given for a run: those of the file, and over them those that were given one by one.
 * @throws {UsageError} for a file that is no record in JSON, and an input that the workflow does not take
 */
export function givenInputs(workflow: AnyWorkflow, options: InputOptions): Values {
  const given = { ...(options.inputs === undefined ? {} : readRecord(options.inputs)), ...options.input };
  const known = workflow.inputs.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const list = known.length === 0 ? " It takes none." : ` It takes: ${known.join(", ")}.`;
    throw new UsageError(`${show(workflow.name)} has no input ${show(name)}.${suggestion(name, known) || list}`);
  }
  return given;
}

/** The inputs of a whole run. @throws {UsageError} as above, and for a missing input */
export function inputsFor(workflow: AnyWorkflow, options: InputOptions): Values {
  const given = givenInputs(workflow, options);
  const missing = workflow.inputs.filter(({ name, required }) => required && !Object.hasOwn(given, name));
  if (missing.length === 0) return given;
  const advice = missing.map(({ name }) => `--input ${name}=…`).join(" ");
  throw new UsageError(`${show(workflow.name)} lacks ${missing.length === 1 ? "an input" : "inputs"}: ${advice}`);
}

/** The record in a file of JSON. @throws {UsageError} */
function readRecord(file: string): Values {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    throw new UsageError(`The inputs can't be read from ${show(file)}: ${messageOf(error)}`);
  }
  if (isJsonObject(value)) return value;
  throw new UsageError(`${show(file)} must hold an object with the inputs by name.`);
}

/** A priority: a number, or the name of one. */
export function priorityIn(text: string): Priority {
  return /^-?\d+$/u.test(text) ? Number(text) : (text as Priority);
}
