import type { Command } from "commander";
import { toJson } from "../../observers/event-json.js";
import type { NodeDetails, NodeDifference } from "../../store.js";
import { withStoreOption, type StoreOption } from "../options.js";
import { print } from "../output.js";
import { withStore } from "../stores.js";
import { printTable } from "../table.js";

interface DiffOptions extends StoreOption {
  readonly json?: boolean;
}

export function addDiff(root: Command): void {
  const command = root
    .command("diff")
    .summary("compare two runs")
    .description("Compares two recorded runs: inputs, and nodes with their statuses, branches and results.")
    .argument("<a>", "the id of a run")
    .argument("<b>", "the id of another one");
  withStoreOption(command)
    .option("--json", "writes the differences as JSON")
    .action(async (a: string, b: string, { store: address, json }: DiffOptions) => {
      const difference = await withStore(address, (store) => store.diffRuns(a, b));
      if (json === true) return print(JSON.stringify(difference));
      const { nodes, inputs } = difference;
      if (nodes.length === 0 && inputs.length === 0) return print("The runs do not differ.");
      if (inputs.length > 0) print(`Inputs that differ: ${inputs.join(", ")}`);
      if (nodes.length > 0) printTable(["node", "differs in", "a", "b"], nodes.map(row));
    });
}

function row(difference: NodeDifference): string[] {
  const { node, a, b, differs } = difference;
  return [node, differs.join(", "), text(a, differs), text(b, differs)];
}

/** What differs of a node, of one of the runs. */
function text(node: NodeDetails | undefined, differs: NodeDifference["differs"]): string {
  if (node === undefined) return "absent";
  const { status, branch, output, attempts } = node;
  const parts = differs.map((what) => {
    switch (what) {
      case "output":
        return toJson(output).slice(0, 40);
      case "branch":
        return `branch ${branch ?? "none"}`;
      case "attempts":
        return `${attempts} attempts`;
      default:
        return status;
    }
  });
  return parts.join(", ");
}
