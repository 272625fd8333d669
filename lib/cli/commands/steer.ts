import type { Command } from "commander";
import { Client } from "../../service.js";
import { withStoreOption, type StoreOption } from "../options.js";
import { complain } from "../output.js";
import { withStore } from "../stores.js";

/** Adds the commands that act on a recorded run, wherever it is driven. */
export function addSteering(root: Command): void {
  const cancel = root.command("cancel").summary("end a run").description("Ends a recorded run as cancelled.");
  withStoreOption(cancel.argument("<id>", "the id of the run"))
    .option("--reason <text>", "becomes part of the run's error")
    .action(async (runId: string, { store, reason }: StoreOption & { readonly reason?: string }) => {
      await withClient(store, (client) => client.cancel(runId, reason));
      complain("Cancelled.");
    });
  const pause = root
    .command("pause")
    .summary("pause a run")
    .description("Pauses a recorded run: its nodes in flight complete, and no others start until it is resumed.");
  withStoreOption(pause.argument("<id>", "the id of the run")).action(async (runId: string, { store }: StoreOption) => {
    await withClient(store, (client) => client.pause(runId));
    complain("It pauses once its nodes in flight have completed.");
  });
  const remove = root
    .command("delete")
    .summary("delete a run")
    .description("Deletes a recorded run that is not driven, with its complete record.");
  withStoreOption(remove.argument("<id>", "the id of the run")).action(
    async (runId: string, { store }: StoreOption) => {
      await withClient(store, (client) => client.delete(runId));
      complain("Deleted.");
    },
  );
}

function withClient(address: string, work: (client: Client) => Promise<void>): Promise<void> {
  return withStore(address, async (store) => {
    await using client = new Client({ store });
    await work(client);
  });
}
