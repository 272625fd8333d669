import { memberText } from "../../base/unsupported-value.js";
import type { ChildWorkflow } from "../defined.js";
import type { Subworkflow } from "../specs/subworkflow-spec.js";
import type { DataWriter } from "./values.js";

/** The id of the outermost workflow. */
export const ROOT = "";

/** A workflow in the place of a function, as data. */
export interface SubworkflowJson {
  /** The id of the workflow. */
  readonly workflow: string;
  readonly output?: string;
  readonly inputs?: Readonly<Record<string, string>>;
}

/** Writes the parts of one workflow of a document. */
export class WorkflowWriter {
  /**
   * @param id - of the workflow
   * @param ids - of all workflows of the document; those that this one uses are added
   */
  constructor(
    private readonly id: string,
    private readonly ids: Map<ChildWorkflow, string>,
    private readonly values: DataWriter,
  ) {}

  /** A value, or what stands for it. @param path - its place in the workflow */
  value(value: unknown, path: string): unknown {
    return this.values.write(value, placeIn(this.id, path));
  }

  /** A record of values. @param path - its place in the workflow; "" for the options of the workflow */
  record(record: object, path: string): Record<string, unknown> {
    return this.values.writeRecord(record, placeIn(this.id, path));
  }

  /** @param name - of the node or case that it is in */
  subworkflow({ workflow, options }: Subworkflow, name: string): SubworkflowJson {
    let id = this.ids.get(workflow);
    if (id === undefined) this.ids.set(workflow, (id = nameIn(this.id, name)));
    return { workflow: id, ...this.record(options, "") };
  }
}

/** The name of a node's function, or of a workflow, that is in the workflow with that id. */
export function nameIn(id: string, name: string): string {
  return id === ROOT ? name : `${id}.${name}`;
}

/** The name of a case of a node. Dots in its label are doubled, so that it can't be taken for another name. */
export function caseName(node: string, label: string): string {
  return `${node}.${label.replaceAll(".", "..")}`;
}

/** The path of a place in the workflow with that id. */
export function placeIn(id: string, path: string): string {
  if (id === ROOT) return path;
  const workflow = `workflows${memberText(id)}`;
  return path === "" ? workflow : `${workflow}.${path}`;
}
