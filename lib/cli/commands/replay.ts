import type { Command } from "commander";
import { show } from "../../base/check.js";
import { driveRecorded } from "../drive.js";
import { UsageError } from "../exit.js";
import { loadWorkflow } from "../load-workflows.js";
import { given, withDriving, withStoreOption, withWorkflow, type RecordedOptions } from "../options.js";
import { addNames } from "../values.js";

interface ReplayOptions extends RecordedOptions {
  readonly rerun: readonly string[];
  readonly only?: boolean;
  readonly runId?: string;
  readonly allowChanges?: boolean;
}

export function addReplay(root: Command): void {
  const command = root
    .command("replay")
    .summary("run some nodes of a run again")
    .description("Runs some nodes of a recorded run again, and those after them, as a new run.");
  withWorkflow(command).argument("<id>", "the id of the run");
  withStoreOption(command);
  withDriving(command)
    .requiredOption("-r, --rerun <nodes>", "the nodes, separated by commas; can be repeated", addNames)
    .option("--only", "without the nodes after them")
    .option("--run-id <id>", "the id of the new run")
    .option("--allow-changes", "also if the workflow has changed since")
    .action(async (file: string, id: string, options: ReplayOptions) => {
      const { rerun, only, runId, allowChanges } = options;
      const workflow = await loadWorkflow(file, options.workflow);
      if (workflow.kind !== "dag") {
        throw new UsageError(`${show(workflow.name)} is an fsm, whose runs can't be replayed.`);
      }
      const unknown = rerun.find((name) => !workflow.nodes.has(name));
      if (unknown !== undefined) throw new UsageError(`${show(workflow.name)} has no node ${show(unknown)}.`);
      const own = { rerun, ...given({ only, runId, allowChanges }) };
      process.exitCode = await driveRecorded(file, options, (rest) => workflow.replay(id, { ...own, ...rest }));
    });
}
