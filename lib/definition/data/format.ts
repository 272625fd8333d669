import type { ChildWorkflow, WorkflowKind } from "../defined.js";
import type { Section } from "./section.js";
import type { WorkflowWriter } from "./workflow-writer.js";

/** How workflows of one kind are written and read. */
export interface WorkflowFormat<W extends ChildWorkflow = any> {
  /** Its fields besides `kind` and `name`. */
  readonly fields: readonly string[];
  /** Writes these fields. */
  write(workflow: W, writer: WorkflowWriter): object;
  /** Reads them, reports what is wrong, and returns what makes the workflow once nothing is. */
  read(section: Section): () => W;
}

const formats = new Map<WorkflowKind, WorkflowFormat>();

/** Tells how workflows of a kind are written and read. */
export function registerFormat<W extends ChildWorkflow>(kind: WorkflowKind, format: WorkflowFormat<W>): void {
  formats.set(kind, format);
}

export function formatOf(kind: WorkflowKind): WorkflowFormat {
  return formats.get(kind) as WorkflowFormat;
}

/** The format of a kind that was read; undefined if there is no such kind. */
export function knownFormat(kind: unknown): WorkflowFormat | undefined {
  return formats.get(kind as WorkflowKind);
}

export function knownKinds(): readonly string[] {
  return Array.from(formats.keys());
}
