import type { Command } from "commander";
import { listen, type Listener } from "../../studio/listener.js";
import { openStudio } from "../../studio/studio.js";
import { Failure } from "../exit.js";
import { Interrupts } from "../interrupts.js";
import { loadWorkflows } from "../load-workflows.js";
import { given, withStoreOption, type StoreOption } from "../options.js";
import { complain, print } from "../output.js";
import { withStore } from "../stores.js";
import { addNames, wholeNumber } from "../values.js";

interface StudioOptions extends StoreOption {
  readonly port: number;
  readonly readOnly?: boolean;
  readonly redact?: readonly string[];
}

const PORT = 4983;

export function addStudio(root: Command): void {
  const command = root
    .command("studio")
    .summary("show and steer runs in a browser")
    .description("Shows the runs of a store in a browser, on this machine only, and prints the link that opens it.")
    .argument("[file]", "a module with the workflows that can be started, whose inputs it then asks for");
  withStoreOption(command)
    .option("-p, --port <number>", "where it listens; 0 for any that is free", wholeNumber, PORT)
    .option("--read-only", "only shows")
    .option("--redact <paths>", "what it hides, such as inputs.token,login; can be repeated", addNames)
    .action(async (file: string | undefined, options: StudioOptions) => {
      const workflows = file === undefined ? undefined : await loadWorkflows(file);
      await withStore(options.store, async (store) => {
        const { store: address, readOnly, redact } = options;
        const place = {
          store: withoutPassword(address),
          file: file ?? "workflows.ts",
          isWindows: process.platform === "win32",
        };
        const studio = openStudio(given({ store, workflows, readOnly, redact }), place);
        const interrupts = new Interrupts();
        try {
          const listener = await listening(studio, options.port);
          print(listener.link);
          complain("Open this link. Ctrl-C stops the studio.");
          await interrupts.first();
          await listener.close();
        } finally {
          interrupts.close();
          await studio.close();
        }
      });
    });
}

async function listening(studio: Parameters<typeof listen>[0], port: number): Promise<Listener> {
  try {
    return await listen(studio, port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new Failure(`Port ${port} is taken. Choose another one with --port, or 0 for any.`);
    throw error;
  }
}

/** The address of a store, as command lines on a screen may have it. */
function withoutPassword(address: string): string {
  return address.replace(/^(postgres(?:ql)?:\/\/[^:@/]*):[^@/]*@/u, "$1@");
}
