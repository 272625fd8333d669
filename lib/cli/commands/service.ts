import type { Command } from "commander";
import { Service } from "../../service.js";
import { brief } from "../../observers/text.js";
import { Interrupts } from "../interrupts.js";
import { loadWorkflow, loadWorkflows } from "../load-workflows.js";
import { given, withStoreOption, withWorkflow, type StoreOption, type WorkflowOption } from "../options.js";
import { complain } from "../output.js";
import { withStore } from "../stores.js";
import { duration, wholeNumber } from "../values.js";

interface ServiceOptions extends WorkflowOption, StoreOption {
  readonly concurrency?: number;
  readonly maxRecoveries?: number;
  readonly pollInterval?: number;
  readonly grace?: number;
}

export function addService(root: Command): void {
  const command = root
    .command("service")
    .summary("drive submitted runs")
    .description("Drives the runs that others submit, and those of schedules, until it is interrupted.");
  withWorkflow(command);
  withStoreOption(command)
    .option("-c, --concurrency <number>", "how many runs go on at once (default: 10)", wholeNumber)
    .option(
      "--max-recoveries <number>",
      "how often a run may lose its process before it fails (default: 10)",
      wholeNumber,
    )
    .option("--poll-interval <duration>", "how often it looks for runs (default: 500)", duration)
    .option("--grace <duration>", "how long runs may go on when it stops (default: 30s)", duration)
    .action(async (file: string, options: ServiceOptions) => {
      const { workflow, concurrency, maxRecoveries, pollInterval, grace } = options;
      const workflows = workflow === undefined ? await loadWorkflows(file) : [await loadWorkflow(file, workflow)];
      await withStore(
        options.store,
        async (store) => {
          const service = new Service({ store, workflows, ...given({ concurrency, maxRecoveries, pollInterval }) });
          const interrupts = new Interrupts();
          try {
            await service.start();
            complain(`Drives ${workflows.map(({ name }) => brief(name, 80)).join(", ")}. Ctrl-C stops it.`);
            await interrupts.first();
            await service.close(given({ grace }));
          } finally {
            interrupts.close();
          }
        },
        { mustExist: false },
      );
    });
}
