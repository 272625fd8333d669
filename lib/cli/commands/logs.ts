import type { Command } from "commander";
import { Client } from "../../service.js";
import { eventJson } from "../../observers/event-json.js";
import { EventLines } from "../../observers/event-lines.js";
import { withStoreOption, type StoreOption } from "../options.js";
import { print, readerLeft } from "../output.js";
import { withStore } from "../stores.js";

interface LogsOptions extends StoreOption {
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function addLogs(root: Command): void {
  const command = root
    .command("logs")
    .summary("show what happened in a run")
    .description("Shows the events of a recorded run, and of the runs inside.")
    .argument("<id>", "the id of the run");
  withStoreOption(command)
    .option("-f, --follow", "goes on with what happens, until the run ends")
    .option("--json", "writes events as JSON, one a line")
    .action((runId: string, { store: address, follow = false, json = false }: LogsOptions) =>
      withStore(address, async (store) => {
        await using client = new Client({ store });
        const lines = new EventLines();
        const events = client.events(runId, { follow });
        for (;;) {
          const next = await Promise.race([events.next(), readerHasLeft()]);
          if (next === undefined || next.done === true) return;
          const line = lines.of(next.value);
          if (json) print(eventJson(next.value));
          else if (line !== undefined) print(`${new Date(next.value.at).toISOString()}  ${line}`);
        }
      }),
    );
}

const leaving = new Promise<undefined>((resolve) => readerLeft.addEventListener("abort", () => resolve(undefined)));

function readerHasLeft(): Promise<undefined> {
  return leaving;
}
