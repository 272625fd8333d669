import type { Command } from "commander";
import type { RunStore } from "../../index.js";
import { brief } from "../../observers/text.js";
import { Interrupts } from "../interrupts.js";
import { loadWorkflow, loadWorkflows } from "../load-workflows.js";
import { given, withOptionalStore, withWorkflow, type WorkflowOption } from "../options.js";
import { complain } from "../output.js";
import { withStore } from "../stores.js";
import { duration, wholeNumber } from "../values.js";

interface WorkerOptions extends WorkflowOption {
  readonly connection: string;
  readonly queue: string;
  readonly prefix?: string;
  readonly concurrency?: number;
  readonly lease?: number;
  readonly grace?: number;
  readonly store?: string;
}

export function addWorker(root: Command): void {
  const command = root
    .command("worker")
    .summary("execute nodes of runs elsewhere")
    .description("Executes the nodes that runs elsewhere pass to a queue, until it is interrupted.");
  withWorkflow(command)
    .requiredOption("--connection <url>", "the address of the Redis or Postgres that has the queue")
    .requiredOption("-q, --queue <name>", "the name of the queue")
    .option("--prefix <prefix>", "where the keys of the Redis begin (default: dagwright)");
  withOptionalStore(command)
    .option("-c, --concurrency <number>", "how many nodes are executed at once (default: 1)", wholeNumber)
    .option("--lease <duration>", "how soon it is noticed if the worker dies (default: 10s)", duration)
    .option("--grace <duration>", "how long nodes may go on when it stops (default: 30s)", duration)
    .action(async (file: string, options: WorkerOptions) => {
      const { workflow, store } = options;
      const workflows = workflow === undefined ? await loadWorkflows(file) : [await loadWorkflow(file, workflow)];
      if (store === undefined) return work(workflows, options, undefined);
      await withStore(store, (opened) => work(workflows, options, opened));
    });
}

async function work(workflows: readonly object[], options: WorkerOptions, store: RunStore | undefined): Promise<void> {
  const { worker } = await import("../../bullmq.js");
  const { connection, queue, prefix, concurrency, lease, grace } = options;
  const own = worker({ connection, queue, workflows, ...given({ prefix, concurrency, lease, store }) });
  const interrupts = new Interrupts();
  try {
    await Promise.race([own.ready(), interrupts.first()]);
    if (!interrupts.signal.aborted) {
      const names = own.workflows.map((name) => brief(name, 80)).join(", ");
      complain(`Executes nodes of ${names} from the queue ${brief(queue, 80)}. Ctrl-C stops it.`);
    }
    await interrupts.first();
    await own.close(given({ grace }));
  } finally {
    interrupts.close();
  }
}
