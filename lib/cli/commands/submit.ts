import type { Command } from "commander";
import { Client } from "../../service.js";
import { loadWorkflow } from "../load-workflows.js";
import { given, withInputs, withStoreOption, withWorkflow, type StoreOption, type WorkflowOption } from "../options.js";
import { complain, print } from "../output.js";
import { withStore } from "../stores.js";
import { duration, inputsFor, priorityIn, type InputOptions } from "../values.js";

interface SubmitOptions extends WorkflowOption, StoreOption, InputOptions {
  readonly key?: string;
  readonly delay?: number;
  readonly priority?: string;
  readonly runId?: string;
}

export function addSubmit(root: Command): void {
  const command = root
    .command("submit")
    .summary("leave a run to a service")
    .description("Records a run for a service to drive, and writes its id.");
  withWorkflow(command);
  withInputs(command);
  withStoreOption(command)
    .option("--key <key>", "of several runs with the same key, only the first is recorded")
    .option("--delay <duration>", "how long after now it is due, such as 5min", duration)
    .option("--priority <priority>", "critical, high, normal, low, background, or a number")
    .option("--run-id <id>", "the id of the run")
    .action(async (file: string, options: SubmitOptions) => {
      const { key, delay, priority, runId } = options;
      const workflow = await loadWorkflow(file, options.workflow);
      const inputs = inputsFor(workflow, options);
      await withStore(
        options.store,
        async (store) => {
          await using client = new Client({ store, workflows: [workflow] });
          const own = given({ key, delay, priority: priority === undefined ? undefined : priorityIn(priority), runId });
          const run = await client.submit(workflow, { ...own, inputs });
          if (!run.isNew) complain("A run with this key was submitted before.");
          print(run.runId);
        },
        { mustExist: false },
      );
    });
}
