import type { Command } from "commander";
import { Exit } from "../exit.js";
import { tellDocs } from "../explain.js";
import { loadWorkflow, loadWorkflows } from "../load-workflows.js";
import { withWorkflow, type WorkflowOption } from "../options.js";
import { printLine } from "../output.js";
import { brief, count } from "../../observers/text.js";

interface ValidateOptions extends WorkflowOption {
  readonly strict?: boolean;
}

export function addValidate(root: Command): void {
  const command = root
    .command("validate")
    .summary("look for mistakes in workflows")
    .description("Looks for mistakes in the workflows of a file, without running them.");
  withWorkflow(command)
    .option("--strict", "counts warnings as errors")
    .action(async (file: string, options: ValidateOptions) => {
      process.exitCode = await validate(file, options);
    });
}

async function validate(file: string, { workflow: name, strict = false }: ValidateOptions): Promise<number> {
  const workflows = name === undefined ? await loadWorkflows(file) : [await loadWorkflow(file, name)];
  let errors = 0;
  const codes: string[] = [];
  for (const workflow of workflows) {
    const issues = workflow.validate({ strict });
    errors += issues.filter(({ severity }) => severity === "error").length;
    const members = workflow.kind === "dag" ? count(workflow.nodes.size, "node") : count(workflow.states.size, "state");
    const isValid = issues.every(({ severity }) => severity === "warning");
    printLine([
      [`${brief(workflow.name, 80)}: ${isValid ? "valid" : "invalid"}`, isValid ? "green" : "red"],
      [`  ${members}`, "dim"],
    ]);
    for (const { severity, code, message } of issues) {
      printLine([[`  ${severity} ${code}`, severity === "error" ? "red" : "yellow"], [`  ${brief(message, 2000)}`]]);
      codes.push(code);
    }
  }
  tellDocs(codes);
  return errors > 0 ? Exit.failed : Exit.completed;
}
