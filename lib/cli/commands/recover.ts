import type { Command } from "commander";
import { messageOf } from "../../base/message.js";
import { RecoverError, type Workflow } from "../../index.js";
import { progress } from "../../observers.js";
import { count } from "../../observers/text.js";
import { jsonEvents, type AnyResult } from "../drive.js";
import { Exit, exitCodeFor } from "../exit.js";
import { Interrupts } from "../interrupts.js";
import { loadWorkflow } from "../load-workflows.js";
import { given, runOptionsOf, withDriving, withStoreOption, withWorkflow, type RecordedOptions } from "../options.js";
import { complain } from "../output.js";
import { withStore } from "../stores.js";

interface RecoverOptions extends RecordedOptions {
  readonly wait?: boolean;
  readonly allowChanges?: boolean;
}

export function addRecover(root: Command): void {
  const command = root
    .command("recover")
    .summary("go on with all runs that can")
    .description(
      "Goes on with the runs of a workflow whose process is gone, and with those whose time or event has come.",
    );
  withWorkflow(command);
  withStoreOption(command);
  withDriving(command)
    .option("--wait", "waits for the runs of other processes, in case these die")
    .option("--allow-changes", "also if the workflow has changed since")
    .action(async (file: string, options: RecoverOptions) => {
      const workflow: Workflow<any> = await loadWorkflow(file, options.workflow);
      process.exitCode = await withStore(options.store, async (store) => {
        const interrupts = new Interrupts();
        const { wait, allowChanges, json } = options;
        const own = given({ ...runOptionsOf(options), detach: options.detach ?? true, wait, allowChanges });
        const observers = [json === true ? jsonEvents() : progress()];
        try {
          const runs = await workflow.recover({ ...own, store, observers, signal: interrupts.signal });
          return endOf(runs as AnyResult[]);
        } catch (error) {
          if (interrupts.code !== undefined) return interrupts.code;
          if (!(error instanceof RecoverError)) throw error;
          for (const each of error.errors) complain(`error: ${messageOf(each)}`);
          return Exit.failed;
        } finally {
          interrupts.close();
        }
      });
    });
}

/** Tells how many runs went on. @returns the exit code: that of the worst end */
function endOf(runs: readonly AnyResult[]): number {
  complain(runs.length === 0 ? "There is no run to go on with." : `Went on with ${count(runs.length, "run")}.`);
  const codes = runs.map(({ status }) => exitCodeFor(status));
  if (codes.includes(Exit.failed)) return Exit.failed;
  return codes.includes(Exit.paused) ? Exit.paused : Exit.completed;
}
