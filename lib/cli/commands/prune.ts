import type { Command } from "commander";
import { count } from "../../observers/text.js";
import { given, withStoreOption, type StoreOption } from "../options.js";
import { print } from "../output.js";
import { withStore } from "../stores.js";
import { duration, wholeNumber } from "../values.js";

interface PruneOptions extends StoreOption {
  readonly olderThan?: number;
  readonly keepLast?: number;
  readonly paused?: boolean;
}

export function addPrune(root: Command): void {
  const command = root
    .command("prune")
    .summary("delete old runs")
    .description("Deletes runs that are over, with their complete records. Takes --older-than, --keep-last or both.");
  withStoreOption(command)
    .option("--older-than <duration>", "those that ended longer ago, such as 30d", duration)
    .option("--keep-last <number>", "all but so many of each workflow", wholeNumber)
    .option("--paused", "also paused runs")
    .action(async ({ store: address, olderThan, keepLast, paused }: PruneOptions) => {
      const deleted = await withStore(address, (store) => store.prune(given({ olderThan, keepLast, paused })));
      print(`Deleted ${count(deleted, "run")}.`);
    });
}
