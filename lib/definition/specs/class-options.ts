import "reflect-metadata/lite";
import type { Class } from "../../base/class-state.js";
import type { WorkflowOptions } from "./workflow-options.js";

// Shared by all copies of this module in a process, such as an ESM and a CommonJS one.
const CLASS = Symbol.for("dagwright:workflow");

/** The options of a class's `@workflow`. All but the name are inherited. */
export function classOptions(target: Class): WorkflowOptions {
  const inherited = (Reflect.getMetadata(CLASS, target) ?? {}) as WorkflowOptions;
  return { ...inherited, name: (Reflect.getOwnMetadata(CLASS, target) as WorkflowOptions | undefined)?.name };
}

export function setClassOptions(target: Class, options: WorkflowOptions): void {
  Reflect.defineMetadata(CLASS, { ...options }, target);
}

/** Whether a class, or one that it extends, has `@workflow`. */
export function hasClassOptions(target: Class): boolean {
  return Reflect.hasMetadata(CLASS, target);
}
