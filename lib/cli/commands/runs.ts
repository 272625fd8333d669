import { Option, type Command } from "commander";
import { count, durationText } from "../../observers/text.js";
import { RUN_STATUSES } from "../../run/status.js";
import type { RunFilter, RunSummary } from "../../store.js";
import { given, withStoreOption, type StoreOption } from "../options.js";
import { complain, print } from "../output.js";
import { withStore } from "../stores.js";
import { printTable } from "../table.js";
import { timeText } from "../time-text.js";
import { duration, wholeNumber } from "../values.js";

interface RunsOptions extends StoreOption {
  readonly workflow?: string;
  readonly status?: NonNullable<RunFilter["status"]>;
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function addRuns(root: Command): void {
  const command = root.command("runs").summary("list recorded runs").description("Lists recorded runs, newest first.");
  withStoreOption(command)
    .option("-w, --workflow <name>", "only runs of this workflow")
    .addOption(new Option("--status <status>", "only runs with this status").choices(RUN_STATUSES))
    .option("--since <duration>", "only runs begun at most so long ago, such as 2h or 7d", duration)
    .option("--until <duration>", "only runs begun at least so long ago", duration)
    .option("-n, --limit <number>", "how many at most (default: 50)", wholeNumber)
    .option("--all", "also runs inside of others")
    .option("--json", "writes one run a line, as JSON")
    .action((options: RunsOptions) => list(options));
}

async function list({ store: address, workflow, status, since, until, limit, all, json }: RunsOptions): Promise<void> {
  const before = (ms: number | undefined) => (ms === undefined ? undefined : Date.now() - ms);
  const filter = given({
    workflow,
    status,
    since: before(since),
    until: before(until),
    limit,
    roots: all !== true,
  });
  const page = await withStore(address, (store) => store.listRuns(filter));
  for (const { runId, error } of page.unreadable) complain(`Run ${runId} can't be read: ${error.message}`);
  if (json === true) return page.runs.forEach((run) => print(JSON.stringify(run)));
  if (page.runs.length === 0) return complain("There are no such runs.");
  printTable(["id", "workflow", "status", "begun", "took", ""], page.runs.map(row));
  if (page.cursor !== undefined) complain(`These are the latest ${count(page.runs.length, "run")}: see --limit.`);
}

function row(run: RunSummary): string[] {
  const { runId, workflow, status, createdAt, finishedAt } = run;
  const took = finishedAt === undefined ? "" : durationText(Math.max(0, finishedAt - createdAt));
  return [runId, workflow, status, timeText(createdAt), took, note(run)];
}

function note({ pauseReason, waitingFor, currentState, finishedAt, status }: RunSummary): string {
  if (waitingFor !== undefined) return `waits for ${waitingFor.events.join(", ") || timeText(waitingFor.until)}`;
  if (status === "paused") return pauseReason ?? "";
  return currentState === undefined || finishedAt !== undefined ? "" : `in ${currentState}`;
}
