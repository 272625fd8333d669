import type { Command } from "commander";
import type { Dag, Fsm, Mode } from "../../index.js";
import { toJson } from "../../observers/event-json.js";
import { brief } from "../../observers/text.js";
import { loadWorkflow, type AnyWorkflow } from "../load-workflows.js";
import { given, modeOption, withInputs, withWorkflow, type WorkflowOption } from "../options.js";
import { print } from "../output.js";
import { printTable } from "../table.js";
import { inputsFor, type InputOptions } from "../values.js";

interface PlanOptions extends WorkflowOption, InputOptions {
  readonly mode?: Mode;
  readonly json?: boolean;
}

/** A node or a state, and what a run would do with it. */
interface Step {
  readonly name: string;
  readonly kind: string;
  /** The nodes before it, or the states after it. */
  readonly edges: readonly string[];
  readonly where: string;
  readonly reason?: string | undefined;
}

export function addPlan(root: Command): void {
  const command = root
    .command("plan")
    .summary("show what a run would do")
    .description("Shows what a run would do: the nodes in order, what they need, and where they run. Runs nothing.");
  withWorkflow(command);
  withInputs(command)
    .addOption(modeOption())
    .option("--json", "writes the plan as JSON")
    .action(async (file: string, options: PlanOptions) => {
      const workflow = await loadWorkflow(file, options.workflow);
      const steps = stepsOf(workflow, options);
      const { name, kind, inputs } = workflow;
      if (options.json === true) return print(toJson({ workflow: name, kind, inputs, steps }));
      const takes = inputs.map((input) => (input.required ? input.name : `${input.name} (optional)`));
      print(`${brief(name, 80)}: ${kind}${takes.length === 0 ? "" : `, takes ${takes.join(", ")}`}`);
      const rows = steps.map(({ name, kind, edges, where, reason }) => [
        name,
        kind,
        edges.join(", "),
        reason === undefined ? where : `${where}: ${reason}`,
      ]);
      printTable(["name", "kind", workflow.kind === "dag" ? "needs" : "leads to", "runs"], rows);
    });
}

function stepsOf(workflow: AnyWorkflow, options: PlanOptions): Step[] {
  return workflow.kind === "dag" ? dagSteps(workflow, options) : fsmSteps(workflow);
}

function dagSteps(dag: Dag<any, any, any>, options: PlanOptions): Step[] {
  const { nodes } = dag.dryRun(given({ mode: options.mode, inputs: inputsFor(dag, options) }));
  const needs = new Map<string, string[]>();
  for (const { from, to, output } of dag.edges) {
    const list = needs.get(to) ?? [];
    needs.set(to, list);
    list.push(output === undefined ? from : `${from}.${output}`);
  }
  return nodes.map(({ name, backend, reason }) => ({
    name,
    kind: dag.nodes.get(name)?.kind ?? "node",
    edges: needs.get(name) ?? [],
    where: backend,
    reason,
  }));
}

function fsmSteps(fsm: Fsm<any, any, any>): Step[] {
  fsm.validateOrThrow();
  return Array.from(fsm.states.keys(), (name) => ({
    name,
    kind:
      name === fsm.initialState ? "initial" : fsm.states.get(name)?.options.terminal === true ? "terminal" : "state",
    edges: fsm.edges.flatMap(({ from, to }) => (from === name ? [to] : [])),
    where: "inline",
  }));
}
