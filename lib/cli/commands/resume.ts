import type { Command } from "commander";
import type { ResumeOptions as AnyOptions, Workflow } from "../../index.js";
import { driveRecorded, type AnyResult } from "../drive.js";
import { loadWorkflow } from "../load-workflows.js";
import { given, withDriving, withStoreOption, withWorkflow, type RecordedOptions } from "../options.js";
import { addValue, type Values } from "../values.js";

interface ResumeOptions extends RecordedOptions {
  readonly provide?: Values;
  readonly allowChanges?: boolean;
}

export function addResume(root: Command): void {
  const command = root
    .command("resume")
    .summary("go on with a run")
    .description("Goes on with a recorded run that paused, failed, was cancelled, or whose process is gone.");
  withWorkflow(command).argument("<id>", "the id of the run");
  withStoreOption(command);
  withDriving(command)
    .option("-p, --provide <node=value>", "a result for a node that paused; can be repeated", addValue)
    .option("--allow-changes", "also if the workflow has changed since")
    .action(async (file: string, runId: string, options: ResumeOptions) => {
      const own = given({ provide: options.provide, allowChanges: options.allowChanges });
      const workflow = await loadWorkflow(file, options.workflow);
      process.exitCode = await driveRecorded(file, options, (rest) => resume(workflow, runId, { ...own, ...rest }));
    });
}

/** Without `detach`, a run that waits is waited for. */
async function resume(workflow: Workflow<any>, runId: string, options: AnyOptions): Promise<AnyResult> {
  if (options.detach === true) return workflow.resume(runId, options) as Promise<AnyResult>;
  const handle = (await workflow.attach(runId, options)) as { readonly result: Promise<AnyResult> };
  return handle.result;
}
