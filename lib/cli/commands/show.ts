import type { Command } from "commander";
import { show } from "../../base/check.js";
import { messageOf } from "../../base/message.js";
import { toJson } from "../../observers/event-json.js";
import { brief, durationText } from "../../observers/text.js";
import type { NodeDetails, RunDetails } from "../../store.js";
import { UsageError } from "../exit.js";
import { withStoreOption, type StoreOption } from "../options.js";
import { print, printLine } from "../output.js";
import { withStore } from "../stores.js";
import { printTable } from "../table.js";
import { timeText } from "../time-text.js";

interface ShowOptions extends StoreOption {
  readonly json?: boolean;
}

export function addShow(root: Command): void {
  const command = root
    .command("show")
    .summary("show a recorded run")
    .description("Shows a recorded run: its nodes, results, pauses and errors.")
    .argument("<id>", "the id of the run");
  withStoreOption(command)
    .option("--json", "writes the complete record as JSON")
    .action(async (runId: string, { store: address, json }: ShowOptions) => {
      const run = await withStore(address, (store) => store.getRun(runId));
      if (run === undefined) throw new UsageError(`The store has no run ${show(runId)}.`);
      if (json === true) print(JSON.stringify(run));
      else showRun(run);
    });
}

function showRun(run: RunDetails): void {
  const { createdAt, finishedAt, pauses, waitingFor, dueAt, children, parentRunId, error } = run;
  const took = finishedAt === undefined ? "" : `, took ${durationText(Math.max(0, finishedAt - createdAt))}`;
  printLine([[`${brief(run.workflow, 80)}: ${run.status}`, "bold"], [`  ${brief(run.runId)}`]]);
  fact("begun", `${timeText(createdAt)}${took}`);
  for (const [name, value] of Object.entries(run.inputs)) fact(`input ${name}`, valueText(value));
  for (const [name, value] of Object.entries(run.outputs)) fact(`output ${name}`, valueText(value));
  for (const { node, reason, until } of pauses) {
    fact(
      "paused",
      `${node}${reason === undefined ? "" : `: ${reason}`}${until === undefined ? "" : `, until ${timeText(until)}`}`,
    );
  }
  if (waitingFor !== undefined) fact("waits for", waitingFor.events.join(", ") || timeText(waitingFor.until));
  if (dueAt !== undefined) fact("due", timeText(dueAt));
  if (run.owner !== undefined) fact("driven by", run.owner);
  if (error !== undefined) fact("error", messageOf(error));
  if (parentRunId !== undefined) fact(run.isChild ? "inside" : "replays", parentRunId);
  if (children.length > 0) fact("replayed by", children.join(", "));
  print("");
  const rows = Array.from(run.nodes, ([name, node]) => nodeRow(name, node));
  printTable([run.kind === "dag" ? "node" : "state", "status", "attempts", "took", "result"], rows);
}

function fact(label: string, text: string): void {
  printLine([[`  ${brief(label, 80).padEnd(12)}  `, "dim"], [brief(text, 2000)]]);
}

function nodeRow(name: string, node: NodeDetails): string[] {
  const { status, attempts, duration, cached, error, reason, output } = node;
  const result = error !== undefined ? messageOf(error) : output === undefined ? (reason ?? "") : valueText(output);
  const took = cached ? "cached" : duration === undefined ? "" : durationText(duration);
  return [name, status, attempts === 0 ? "" : String(attempts), took, result];
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : toJson(value);
}
