import { checkName, show } from "../../base/check.js";
import { messageOf } from "../../base/message.js";
import { suggestion } from "../../base/nearest.js";
import { define, isPlainRecord } from "../../base/objects.js";
import type { ChildWorkflow, MemberWord, WorkflowKind } from "../defined.js";
import { Subworkflow } from "../specs/subworkflow-spec.js";
import { checkNodeName, type NodeFunction } from "../specs/node-spec.js";
import { knownFormat, knownKinds } from "./format.js";
import type { DataReader } from "./values.js";
import { nameIn, placeIn, ROOT } from "./workflow-writer.js";

/** An object that is being read. */
export type Fields = Readonly<Record<string, unknown>>;

/** What all workflows of a document share while they are read. */
export interface Given {
  readonly functions: object;
  readonly values: DataReader;
  /** The ids of some of the workflows inside, for messages. */
  readonly someIds: readonly string[];
  has(id: string): boolean;
  /** Only for when all workflows have been made. */
  workflow(id: string): ChildWorkflow;
  report(code: string, message: string, nodes?: readonly string[]): void;
}

/** A node's function, and the object whose method it is. */
export interface FoundFunction {
  readonly fn: NodeFunction;
  readonly self: object;
}

/** One workflow of a document that is being read. */
export class Section {
  readonly fields: Fields;
  /** Its name, or a stand-in for one that is invalid. */
  readonly name: string;
  private readonly id: string;
  private readonly path: string;
  private readonly kind: WorkflowKind | undefined;
  /** The object that has its functions, and the id that is before their names there. */
  private readonly functions: { readonly self: object; readonly id: string };

  /** @param at - `kind` is the one that it must have, if only one is possible */
  constructor(
    private readonly document: Given,
    at: {
      readonly fields: Fields;
      readonly id: string;
      readonly path: string;
      readonly kind: WorkflowKind | undefined;
    },
  ) {
    this.fields = at.fields;
    this.id = at.id;
    this.path = at.path;
    this.kind = at.kind;
    const { name } = this.fields;
    this.name = typeof name === "string" && name !== "" ? name : "?";
    const { functions } = document;
    const own = this.id === ROOT ? undefined : memberOf(functions, this.id);
    const hasOwn = typeof own === "object" && own !== null;
    this.functions = hasOwn ? { self: own, id: ROOT } : { self: functions, id: this.id };
  }

  /** Reports what is wrong. Returns what makes the workflow; undefined if its kind is unknown. */
  read(): (() => ChildWorkflow) | undefined {
    const { fields } = this;
    const format = knownFormat(this.kind ?? fields.kind);
    if (this.kind !== undefined && fields.kind !== this.kind) {
      const reader = this.kind === "dag" ? "Dag" : "Fsm";
      this.report("UNKNOWN_KIND", `Its kind is ${show(fields.kind)}, but ${reader} reads "${this.kind}".`);
    } else if (format === undefined) {
      const kinds = knownKinds().join(", ");
      this.report("UNKNOWN_KIND", `"${this.where("kind")}" must be one of ${kinds}; received ${show(fields.kind)}.`);
    }
    if (fields.name !== this.name) {
      this.report(
        "INVALID_FIELD",
        `"${this.where("name")}" must be a non-empty string; received ${show(fields.name)}.`,
      );
    }
    if (format === undefined) return undefined;
    const others = this.id === ROOT ? ["version", "workflows"] : ["id"];
    this.checkFields(fields, [...others, "kind", "name", ...format.fields], "");
    return format.read(this);
  }

  report(code: string, message: string, node?: string): void {
    this.document.report(code, message, node === undefined ? [] : [nameIn(this.id, node)]);
  }

  /** A place in this workflow, for messages. */
  where(path: string): string {
    return this.path === "" || path === "" ? this.path + path : `${this.path}.${path}`;
  }

  /** Reports fields with other names. */
  checkFields(fields: Fields, known: readonly string[], path: string): void {
    for (const name of Object.keys(fields)) {
      if (known.includes(name)) continue;
      const where = this.where(path === "" ? name : `${path}.${name}`);
      this.report(
        "UNKNOWN_FIELD",
        `There is no field "${where}".${suggestion(name, known) || ` Known: ${known.join(", ")}.`}`,
      );
    }
  }

  /** The objects of a list, each with its place; none if it is no such list. */
  entries(field: string): { readonly fields: Fields; readonly path: string }[] {
    const list = this.fields[field] ?? [];
    if (!Array.isArray(list)) {
      this.report("INVALID_FIELD", `"${this.where(field)}" must be a list; received ${show(list)}.`);
      return [];
    }
    return (list as unknown[]).flatMap((entry, i) => {
      const path = `${field}[${i}]`;
      if (isPlainRecord(entry)) return { fields: entry, path };
      this.report("INVALID_FIELD", `"${this.where(path)}" must be an object; received ${show(entry)}.`);
      return [];
    });
  }

  /** The entries of a list of nodes or states: those with a name that is usable, and is no other's. */
  members(
    field: string,
    word: MemberWord,
  ): { readonly fields: Fields; readonly name: string; readonly path: string }[] {
    const names = new Set<string>();
    return this.entries(field).flatMap(({ fields, path }) => {
      const { name } = fields;
      const isUsable = this.attempt(() => {
        checkNodeName(name, word);
        if (names.has(name)) {
          throw new TypeError(`"${this.where(path)}" is a second ${word} "${name}". Give it another name.`);
        }
        return true;
      });
      if (isUsable === undefined) return [];
      names.add(name as string);
      return { fields, name: name as string, path };
    });
  }

  /** Some fields of an object as values, those that it has. */
  valuesOf(fields: Fields, names: readonly string[], path: string): Record<string, any> {
    const read: Record<string, unknown> = {};
    for (const name of names) {
      if (!Object.hasOwn(fields, name)) continue;
      const place = path === "" ? name : `${path}.${name}`;
      read[name] = this.document.values.read(fields[name], placeIn(this.id, place));
    }
    return read;
  }

  /**
   * Some fields of an object as options: those that it has, and that are valid.
   * @param check - throws for an option that is not; called for each alone, so that all are reported
   */
  optionsOf(fields: Fields, names: readonly string[], path: string, check: (option: object) => void): any {
    const given = this.valuesOf(fields, names, path);
    for (const name of Object.keys(given)) {
      const isValid = this.attempt(() => {
        check({ [name]: given[name] as unknown });
        return true;
      });
      if (isValid === undefined) delete given[name];
    }
    return given;
  }

  /** The `this` of its functions. */
  get self(): object {
    return this.functions.self;
  }

  functionOf(name: string): FoundFunction | undefined {
    const { self, id } = this.functions;
    const fn = memberOf(self, nameIn(id, name));
    if (typeof fn === "function") return { fn: fn as NodeFunction, self };
    const wanted = JSON.stringify(nameIn(this.id, name));
    this.report("UNKNOWN_FUNCTION", `There is no function ${wanted}. Pass { functions: { ${wanted}: … } }.`, name);
    return undefined;
  }

  /** What stands for a workflow in the place of a function. @param path - its place, for messages */
  subworkflow(json: unknown, path: string): Subworkflow | undefined {
    if (!isPlainRecord(json)) {
      const rule = "must be an object with the id of a workflow: { workflow: … }";
      return void this.report("INVALID_FIELD", `"${this.where(path)}" ${rule}; received ${show(json)}.`);
    }
    this.checkFields(json, ["workflow", "output", "inputs"], path);
    const { workflow: id, output, inputs } = json;
    const { document } = this;
    if (typeof id !== "string" || !document.has(id)) {
      const ids = document.someIds.join(", ");
      return void this.report(
        "UNKNOWN_WORKFLOW",
        `"${this.where(`${path}.workflow`)}" must be the id of one of "workflows" (${ids || "none"}); received ${show(id)}.`,
      );
    }
    return this.attempt(() => {
      if (output !== undefined) checkName(this.where(`${path}.output`), output);
      return new Subworkflow(() => document.workflow(id), {
        ...(output === undefined ? {} : { output }),
        ...(inputs === undefined ? {} : { inputs: this.texts(inputs, `${path}.inputs`) }),
      });
    });
  }

  private texts(json: unknown, path: string): Record<string, string> {
    if (!isPlainRecord(json)) throw new TypeError(`"${this.where(path)}" must be an object; received ${show(json)}.`);
    const read: Record<string, string> = {};
    for (const [name, text] of Object.entries(json)) {
      checkName(this.where(`${path}.${name}`), text);
      define(read, name, text);
    }
    return read;
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
}

/** A member of an object, unless every object has it. */
function memberOf(object: object, name: string): unknown {
  return name in Object.prototype && !Object.hasOwn(object, name) ? undefined : (object as Fields)[name];
}
