import { checkOptions, checkRecord, checkType, show } from "../../base/check.js";
import { ValidationError, type ValidationIssue } from "../../base/errors.js";
import { messageOf } from "../../base/message.js";
import type { ChildWorkflow, WorkflowKind } from "../defined.js";
import { formatOf } from "./format.js";
import { Section, type Fields, type Given } from "./section.js";
import { DataReader, DataWriter } from "./values.js";
import { ROOT, WorkflowWriter } from "./workflow-writer.js";

/** The version of the format that this version of dagwright reads and writes. */
const VERSION = 1;

/** What a definition that was written as data needs to become a workflow again. */
export interface FromDataOptions<F extends object = Record<string, any>> {
  /**
   * The functions by the names of their nodes: a record, or an object whose methods they are. It may have others.
   *
   * Those of a workflow inside have its id before their names (`"check.verify"`), or are in an object under its id
   * (`check: new Validation()`). The function of a case has the name of the node before its label (`"deliver.email"`).
   */
  functions: F;
  /**
   * The values that are not data, by the path that stands for them: hooks, schemas, fallback functions, stores …
   * @defaultValue none
   */
  values?: Readonly<Record<string, unknown>> | undefined;
}

/** A workflow that is inside another one, as data. */
export interface WorkflowJson {
  /** Stands for it where it is used, and before the names of its functions: the name of the first node that uses it. */
  readonly id: string;
  readonly kind: WorkflowKind;
  readonly name: string;
  readonly [option: string]: unknown;
}

/** The part of a definition as data that dags and fsms share. */
export interface DefinitionJson {
  readonly version: typeof VERSION;
  readonly kind: WorkflowKind;
  readonly name: string;
  /** All workflows inside, each once, however deep they are and however often they are used. */
  readonly workflows?: readonly WorkflowJson[];
  readonly [option: string]: unknown;
}

/**
 * Writes a workflow, with all workflows inside.
 *
 * Cost: O(all that it holds), and for a workflow inside the length of its id. Nothing recurses.
 */
export function writeDocument(root: ChildWorkflow): DefinitionJson {
  const ids = new Map([[root, ROOT]]);
  const values = new DataWriter();
  const partOf = (workflow: ChildWorkflow, id: string) => {
    const { kind, name } = workflow;
    return { kind, name, ...formatOf(kind).write(workflow, new WorkflowWriter(id, ids, values)) };
  };
  const own = partOf(root, ROOT);
  const workflows: WorkflowJson[] = [];
  // Those that are found on the way are added to `ids`, so their turn comes.
  for (const [workflow, id] of ids) if (id !== ROOT) workflows.push({ id, ...partOf(workflow, id) });
  return { version: VERSION, ...own, ...(workflows.length === 0 ? {} : { workflows }) };
}

/**
 * Makes a workflow of what {@link writeDocument} has written, as an object or as text.
 * @throws {ValidationError} VALIDATION with everything that is unknown or invalid
 */
export function readDocument(kind: WorkflowKind, json: unknown, options: FromDataOptions<object>): ChildWorkflow {
  checkOptions(options, { functions: "any", values: checkRecord }, "fromJSON");
  const { functions, values = {} } = options;
  if (typeof functions !== "function") checkType("functions", functions, "object");
  const root = typeof json === "string" ? parsed(json) : json;
  if (typeof root !== "object" || root === null || Array.isArray(root)) {
    throw new ValidationError(`A workflow as data is an object, as toJSON makes it; received ${show(json)}.`);
  }
  return new Document(root as Fields, functions, values).make(kind);
}

/** A definition as data that is being read. Collects everything that is wrong with it. */
class Document implements Given {
  readonly values: DataReader;
  private readonly issues: ValidationIssue[] = [];
  private readonly sections = new Map<string, Section>();
  private readonly workflows = new Map<string, ChildWorkflow>();

  constructor(
    private readonly root: Fields,
    readonly functions: object,
    values: Readonly<Record<string, unknown>>,
  ) {
    this.values = new DataReader(values, (code, message) => this.report(code, message, []));
  }

  make(kind: WorkflowKind): ChildWorkflow {
    const { version, workflows = [] } = this.root;
    if (version !== VERSION) {
      const remedy = "Write it again with toJSON, or use the version of dagwright that wrote it";
      this.report(
        "UNKNOWN_VERSION",
        `Its version is ${show(version)}, but this dagwright reads ${VERSION}. ${remedy}.`,
      );
    }
    this.addSections(kind, workflows);
    const makers = Array.from(this.sections, ([id, section]) => [id, section.read()] as const);
    this.throwIssues();
    for (const [id, make] of makers) {
      const made = make && this.sections.get(id)?.attempt(make);
      if (made !== undefined) this.workflows.set(id, made);
    }
    this.throwIssues();
    return this.workflows.get(ROOT) as ChildWorkflow;
  }

  /** All workflows must be known before one of them is read, since any may use any. */
  private addSections(kind: WorkflowKind, workflows: unknown): void {
    this.sections.set(ROOT, new Section(this, { fields: this.root, id: ROOT, path: "", kind }));
    if (!Array.isArray(workflows)) {
      this.report("INVALID_FIELD", `"workflows" must be a list; received ${show(workflows)}.`);
      return;
    }
    (workflows as unknown[]).forEach((fields, i) => {
      const path = `workflows[${i}]`;
      if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
        this.report("INVALID_FIELD", `"${path}" must be an object; received ${show(fields)}.`);
        return;
      }
      const { id } = fields as Fields;
      if (typeof id !== "string" || id === ROOT) {
        this.report("INVALID_FIELD", `"${path}.id" must be a non-empty string; received ${show(id)}.`);
      } else if (this.sections.has(id)) {
        this.report("INVALID_FIELD", `"${path}.id" is ${show(id)}, as that of another workflow. Give it another one.`);
      } else {
        this.sections.set(id, new Section(this, { fields: fields as Fields, id, path, kind: undefined }));
      }
    });
  }

  get someIds(): readonly string[] {
    const ids: string[] = [];
    for (const id of this.sections.keys()) {
      if (id !== ROOT) ids.push(id);
      if (ids.length === 20) break;
    }
    return ids;
  }

  has(id: string): boolean {
    return this.sections.has(id);
  }

  workflow(id: string): ChildWorkflow {
    return this.workflows.get(id) as ChildWorkflow;
  }

  report(code: string, message: string, nodes: readonly string[] = []): void {
    this.issues.push({ severity: "error", code, message, nodes });
  }

  private throwIssues(): void {
    const { issues } = this;
    if (issues.length === 0) return;
    const { name } = this.root;
    const lines = issues.map(({ message }) => `\n  - ${message}`).join("");
    const label = typeof name === "string" ? JSON.stringify(name) : "without a name";
    throw new ValidationError(`Workflow ${label} can't be made from this data:${lines}`, issues);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ValidationError(`A workflow can't be made from this text, which is not JSON: ${messageOf(error)}`);
  }
}
