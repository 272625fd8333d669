import { writeFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { show } from "../../base/check.js";
import { messageOf } from "../../base/message.js";
import type { AnyResult } from "../drive.js";
import { Failure, UsageError } from "../exit.js";
import { loadWorkflow, type AnyWorkflow } from "../load-workflows.js";
import { withOptionalStore, withWorkflow, type WorkflowOption } from "../options.js";
import { print, printBytes } from "../output.js";
import { withStore } from "../stores.js";

interface GraphOptions extends WorkflowOption {
  readonly format: "mermaid" | "dot" | "svg" | "png";
  readonly run?: string;
  readonly store?: string;
  readonly output?: string;
}

/** The part of `dagwright/pictures` that is used. */
interface Pictures {
  toSVG(source: object): Promise<string>;
  toPNG(source: object): Promise<Uint8Array>;
}

/** Not a literal, since builds of this version may come without it. */
const PICTURES: string = "dagwright/pictures";

export function addGraph(root: Command): void {
  const command = root
    .command("graph")
    .summary("draw a workflow")
    .description("Writes the graph of a workflow, coloured by a run if one is given.");
  withWorkflow(command)
    .addOption(
      new Option("-f, --format <format>", "the language or kind of picture")
        .choices(["mermaid", "dot", "svg", "png"])
        .default("mermaid"),
    )
    .option("--run <id>", "the run that colours it, from the store");
  withOptionalStore(command)
    .option("-o, --output <file>", "writes to a file instead of stdout")
    .action(async (file: string, options: GraphOptions) => {
      const workflow = await loadWorkflow(file, options.workflow);
      const run = options.run === undefined ? undefined : await runOf(workflow, options.run, options.store);
      const drawing = await draw(workflow, run, options.format);
      write(drawing, options.output);
    });
}

async function runOf(workflow: AnyWorkflow, runId: string, address: string | undefined): Promise<AnyResult> {
  if (address === undefined) throw new UsageError("--run needs the --store that has the run.");
  return withStore(address, async (store) => {
    const recorded = await store.read(runId);
    if (recorded.workflow === workflow.name && recorded.kind === workflow.kind) {
      return workflow.restored(recorded) as AnyResult;
    }
    throw new UsageError(`Run ${show(runId)} is one of ${show(recorded.workflow)}, not of ${show(workflow.name)}.`);
  });
}

async function draw(
  workflow: AnyWorkflow,
  run: AnyResult | undefined,
  format: GraphOptions["format"],
): Promise<string | Uint8Array> {
  if (format === "svg" || format === "png") {
    const drawn = await pictures();
    return format === "svg" ? drawn.toSVG(run ?? workflow) : drawn.toPNG(run ?? workflow);
  }
  const options = { run: run as never };
  if (workflow.kind === "dag") return format === "dot" ? workflow.toDot(options) : workflow.toMermaid(options);
  return format === "dot" ? workflow.toDot(options) : workflow.toMermaid(options);
}

async function pictures(): Promise<Pictures> {
  try {
    return (await import(PICTURES)) as Pictures;
  } catch (error) {
    throw new Failure(`Pictures can't be drawn: ${messageOf(error)}. Use --format dot or mermaid.`);
  }
}

function write(drawing: string | Uint8Array, file: string | undefined): void {
  if (file !== undefined) return writeFileSync(file, drawing);
  if (typeof drawing === "string") return print(drawing.trimEnd());
  if (process.stdout.isTTY) throw new UsageError("A picture is not for a terminal. Write it to a file with --output.");
  printBytes(drawing);
}
