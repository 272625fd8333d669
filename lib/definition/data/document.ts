import { checkOptions, checkType, show } from "../../base/check.js";
import { ValidationError, type ValidationIssue } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import { suggestion } from "../../base/nearest.js";
import { load } from "../../base/own-files.js";
import type { NodeFunction } from "../specs/node-spec.js";
import { DataReader } from "./values.js";

/** The version of the format that this version of dagwright reads and writes. */
export const VERSION = 1;

/** What a definition that was written as data needs to become a workflow again. */
export interface FromDataOptions<F extends object = Record<string, (...args: any[]) => unknown>> {
  /** The functions by the names of their nodes: a record, or an object whose methods they are. It may have others. */
  functions: F;
  /**
   * The values that are not data, by the path that stands for them: hooks, schemas, fallback functions, stores …
   * @defaultValue none
   */
  values?: Readonly<Record<string, unknown>> | undefined;
}

/** The part of a definition as data that dags and fsms share. */
export interface DefinitionJson {
  readonly version: typeof VERSION;
  readonly kind: "dag" | "fsm";
  readonly name: string;
  readonly [option: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** A definition as data that is being read. Collects everything that is wrong with it. */
export class Document {
  readonly fields: Fields;
  readonly name: string;
  private readonly issues: ValidationIssue[] = [];
  private readonly values: DataReader;
  private readonly functions: object;

  /**
   * @param known - the names of the fields that it may have beside `version`, `kind` and `name`
   * @throws {ValidationError} VALIDATION for text that is not JSON, and for anything but an object
   */
  constructor(kind: "dag" | "fsm", json: unknown, options: FromDataOptions<object>, known: readonly string[]) {
    checkOptions(options, { functions: "any", values: "object" }, "fromJSON");
    const { functions, values = {} } = options;
    if (typeof functions !== "function") checkType("functions", functions, "object");
    this.functions = functions;
    this.values = new DataReader(values, (message) => this.report("UNKNOWN_VALUE", message));
    this.fields = typeof json === "string" ? parsed(json) : (json as Fields);
    if (typeof this.fields !== "object" || this.fields === null || Array.isArray(this.fields)) {
      throw new ValidationError(`A workflow as data is an object, as toJSON makes it; received ${show(json)}.`);
    }
    const { version, name } = this.fields;
    if (version !== VERSION) {
      const remedy = "Write it again with toJSON, or use the version of dagwright that wrote it";
      this.report(
        "UNKNOWN_VERSION",
        `Its version is ${show(version)}, but this dagwright reads ${VERSION}. ${remedy}.`,
      );
    }
    if (this.fields.kind !== kind) {
      this.report(
        "UNKNOWN_KIND",
        `Its kind is ${show(this.fields.kind)}, but ${kind === "dag" ? "Dag" : "Fsm"} reads "${kind}".`,
      );
    }
    if (typeof name !== "string" || name === "")
      this.report("INVALID_FIELD", `"name" must be a non-empty string; received ${show(name)}.`);
    this.name = typeof name === "string" && name !== "" ? name : "?";
    this.checkFields(this.fields, ["version", "kind", "name", ...known], "");
  }

  report(code: string, message: string, nodes: readonly string[] = []): void {
    this.issues.push({ severity: "error", code, message, nodes });
  }

  /** Reports fields with other names. */
  checkFields(fields: Fields, known: readonly string[], path: string): void {
    for (const name of Object.keys(fields)) {
      if (known.includes(name)) continue;
      const where = path === "" ? name : `${path}.${name}`;
      this.report(
        "UNKNOWN_FIELD",
        `There is no field "${where}".${suggestion(name, known) || ` Known: ${known.join(", ")}.`}`,
      );
    }
  }

  /** The entries of a list of objects with these fields; none if it is no such list. */
  entries(field: string, known: readonly string[]): { readonly fields: Fields; readonly path: string }[] {
    const list = this.fields[field] ?? [];
    if (!Array.isArray(list)) {
      this.report("INVALID_FIELD", `"${field}" must be a list; received ${show(list)}.`);
      return [];
    }
    return (list as unknown[]).flatMap((entry, i) => {
      const path = `${field}[${i}]`;
      if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
        this.report("INVALID_FIELD", `"${path}" must be an object; received ${show(entry)}.`);
        return [];
      }
      this.checkFields(entry as Fields, known, path);
      return { fields: entry as Fields, path };
    });
  }

  /** Some fields of an object as values, those that it has. */
  valuesOf(fields: Fields, names: readonly string[], path: string): Record<string, any> {
    const given = names.filter((name) => Object.hasOwn(fields, name));
    return Object.fromEntries(
      given.map((name) => [name, this.values.read(fields[name], path === "" ? name : `${path}.${name}`)]),
    );
  }

  /** A node's function, and the object whose method it is. */
  functionOf(name: string): { readonly fn: NodeFunction; readonly self: object } | undefined {
    const self = this.functions;
    const fn: unknown = name in Object.prototype && !Object.hasOwn(self, name) ? undefined : (self as Fields)[name];
    if (typeof fn === "function") return { fn: fn as NodeFunction, self };
    this.report(
      "UNKNOWN_FUNCTION",
      `There is no function ${JSON.stringify(name)}. Pass { functions: { ${JSON.stringify(name)}: … } }.`,
      [name],
    );
    return undefined;
  }

  /** The result of `make`, whose error is reported; undefined if it has thrown. */
  attempt<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      this.report("INVALID_FIELD", messageOf(error));
      return undefined;
    }
  }

  /** Returns the result. @throws {ValidationError} VALIDATION with everything that was reported */
  result<T>(result: T): T {
    const { issues } = this;
    if (issues.length === 0) return result;
    const lines = issues.map(({ message }) => `\n  - ${message}`).join("");
    throw new ValidationError(`Workflow "${this.name}" can't be made from this data:${lines}`, issues);
  }
}

/** Makes a workflow of what was read. @throws {ValidationError} VALIDATION for an option that it refuses */
export function created<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const message = `Workflow ${JSON.stringify(name)} can't be made from this data: ${messageOf(cause)}`;
    throw new ValidationError(message, [{ severity: "error", code: "INVALID_FIELD", message, nodes: [] }]);
  }
}

function parsed(text: string): Fields {
  try {
    return JSON.parse(text) as Fields;
  } catch (error) {
    throw new ValidationError(`A workflow can't be made from this text, which is not JSON: ${messageOf(error)}`);
  }
}

interface Yaml {
  stringify(value: unknown, options: object): string;
  parse(text: string): unknown;
}

function yaml(): Yaml {
  try {
    return load("yaml") as Yaml;
  } catch (cause) {
    const message = `The package yaml can't be loaded: ${messageOf(cause).split("\n", 1)[0]}. Run "npm install yaml".`;
    throw new Error(message, { cause });
  }
}

/** @throws {Error} when the package yaml is not installed */
export function toYaml(json: object): string {
  return yaml().stringify(json, { aliasDuplicateObjects: false });
}

/** @throws {Error} when the package yaml is not installed; {ValidationError} for text that is not YAML */
export function fromYaml(text: string): unknown {
  checkType("text", text, "string");
  const reader = yaml();
  try {
    return reader.parse(text);
  } catch (error) {
    throw new ValidationError(`A workflow can't be made from this text, which is not YAML: ${messageOf(error)}`);
  }
}
