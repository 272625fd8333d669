import type { Command } from "commander";
import { Client } from "../../service.js";
import { loadWorkflows } from "../load-workflows.js";
import { given, withStoreOption, type StoreOption } from "../options.js";
import { complain } from "../output.js";
import { withStore } from "../stores.js";
import { valueOf } from "../values.js";

interface SendOptions extends StoreOption {
  readonly key?: string;
  readonly file?: string;
}

export function addSend(root: Command): void {
  const command = root
    .command("send")
    .summary("send an event to a run")
    .description("Sends an event to a recorded run, wherever it is driven.")
    .argument("<id>", "the id of the run")
    .argument("<event>", "the name of the event")
    .argument("[payload]", "what it carries, in JSON where it parses, else text");
  withStoreOption(command)
    .option("--key <key>", "of several events with the same key, the run takes only the first")
    .option("--file <file>", "the module with the workflow, which then checks the event")
    .action(async (runId: string, event: string, payload: string | undefined, options: SendOptions) => {
      const { store: address, file, key } = options;
      const workflows = file === undefined ? undefined : await loadWorkflows(file);
      await withStore(address, async (store) => {
        await using client = new Client(given({ store, workflows }));
        await client.send(runId, event, payload === undefined ? undefined : valueOf(payload), given({ key }));
      });
      complain("Sent.");
    });
}
