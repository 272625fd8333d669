import { show } from "../../base/check.js";
import { warn } from "../../base/warning.js";
import { looksMinified } from "../../definition/specs/minified-names.js";

const told = new Set<string>();

/** Warns, once a name, when runs are recorded under that of a class which another class may have after the next build. */
export function warnOfClassName(workflow: string, className: string): void {
  if ((className !== "" && !looksMinified(className)) || told.has(className)) return;
  told.add(className);
  const what =
    className === "" ? "a class without a name" : `class "${className}", which looks like a minifier's name,`;
  warn(
    `Runs of ${what} are recorded as those of ${show(workflow)}, and any other class that comes by that name would take ` +
      `them for its own. Name the workflow: @workflow({ name: "…" }).`,
    "DagwrightStoreWarning",
  );
}
