import { show } from "../../base/check.js";
import { warn } from "../../base/warning.js";
import { looksMinified } from "../../definition/specs/minified-names.js";

const warned = new Set<string>();

/**
 * Warns, once per name, when a workflow is recorded under a class name that another class may have after the next
 * build.
 */
export function warnOfClassName(workflow: string, className: string): void {
  if ((className !== "" && !looksMinified(className)) || warned.has(className)) return;
  warned.add(className);
  const what =
    className === "" ? "a class without a name" : `class "${className}", which looks like a minifier's name,`;
  warn(
    `Runs of ${what} are recorded under the name ${show(workflow)}, and another class of that name would continue them. ` +
      `Name the workflow: @workflow({ name: "…" }).`,
    "DagwrightStoreWarning",
  );
}
