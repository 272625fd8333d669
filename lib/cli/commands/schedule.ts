import { Option, type Command } from "commander";
import { Client, type CatchUp, type Overlap, type ScheduleInfo } from "../../service.js";
import { durationText } from "../../observers/text.js";
import { loadWorkflow } from "../load-workflows.js";
import { given, withInputs, withStoreOption, withWorkflow, type StoreOption, type WorkflowOption } from "../options.js";
import { complain, print } from "../output.js";
import { withStore } from "../stores.js";
import { printTable } from "../table.js";
import { timeText } from "../time-text.js";
import { date, duration, inputsFor, priorityIn, type InputOptions } from "../values.js";

interface AddOptions extends WorkflowOption, StoreOption, InputOptions {
  readonly cron?: string;
  readonly timezone?: string;
  readonly every?: number;
  readonly at?: Date;
  readonly overlap?: Overlap;
  readonly catchUp?: CatchUp;
  readonly jitter?: number;
  readonly priority?: string;
}

export function addSchedule(root: Command): void {
  const group = root
    .command("schedule")
    .summary("begin runs at certain times")
    .description("Schedules, whose runs a service begins and drives.");
  addAdd(group);
  addList(group);
  addVerb(group, "remove", "removes a schedule; its runs stay", (client, name) => client.unschedule(name));
  addVerb(group, "pause", "begins no runs until it is resumed", (client, name) => client.pauseSchedule(name));
  addVerb(group, "resume", "begins runs again, from its next time on", (client, name) => client.resumeSchedule(name));
  addVerb(group, "trigger", "begins a run now, and writes its id", async (client, name) => {
    print((await client.trigger(name)).runId);
  });
}

function addAdd(group: Command): void {
  const command = group
    .command("add")
    .description("Records a schedule, or replaces the one of this name. Takes one of --cron, --every and --at.")
    .argument("<name>", "the name of the schedule, unique in the store");
  withWorkflow(command);
  withInputs(command);
  withStoreOption(command)
    .option("--cron <expression>", 'a cron expression, such as "0 3 * * *"')
    .option("--timezone <zone>", "that of the expression, such as Europe/Berlin")
    .option("--every <duration>", "how often, such as 15min", duration)
    .option("--at <date>", "when, once", date)
    .addOption(
      new Option("--overlap <what>", "what to do while an earlier run is unfinished").choices([
        "skip",
        "queue",
        "allow",
        "cancel",
      ]),
    )
    .addOption(
      new Option("--catch-up <what>", "what of missed times is made up for").choices(["none", "latest", "all"]),
    )
    .option("--jitter <duration>", "how much later a run may begin, at random", duration)
    .option("--priority <priority>", "of its runs: critical, high, normal, low, background, or a number")
    .action(async (name: string, file: string, options: AddOptions) => {
      const { cron, timezone, every, at, overlap, catchUp, jitter } = options;
      const priority = options.priority === undefined ? undefined : priorityIn(options.priority);
      const workflow = await loadWorkflow(file, options.workflow);
      const inputs = inputsFor(workflow, options);
      const timing = given({ cron, timezone, every, at, overlap, catchUp, jitter, priority });
      await withStore(
        options.store,
        async (store) => {
          await using client = new Client({ store, workflows: [workflow] });
          await client.schedule(name, workflow, { ...timing, inputs });
        },
        { mustExist: false },
      );
      complain("Scheduled.");
    });
}

function addList(group: Command): void {
  withStoreOption(group.command("list").description("Lists the schedules of a store."))
    .option("--json", "writes one schedule a line, as JSON")
    .action(async ({ store: address, json }: StoreOption & { readonly json?: boolean }) => {
      const schedules = await withClient(address, (client) => client.schedules());
      if (json === true) return schedules.forEach((schedule) => print(JSON.stringify(schedule)));
      if (schedules.length === 0) return complain("There are no schedules.");
      printTable(["name", "workflow", "when", "next", "last"], schedules.map(row));
    });
}

function row({ name, workflow, cron, timezone, every, at, next, last, paused }: ScheduleInfo): string[] {
  const when =
    cron === undefined
      ? every === undefined
        ? `at ${timeText(at?.getTime())}`
        : `every ${durationText(every)}`
      : `${cron}${timezone === undefined ? "" : ` (${timezone})`}`;
  return [name, workflow, when, paused ? "paused" : timeText(next?.getTime()), timeText(last?.getTime())];
}

function addVerb(
  group: Command,
  verb: string,
  what: string,
  work: (client: Client, name: string) => Promise<void>,
): void {
  const command = group.command(verb).description(`${what[0].toUpperCase()}${what.slice(1)}.`);
  withStoreOption(command.argument("<name>", "the name of the schedule")).action(
    (name: string, { store: address }: StoreOption) => withClient(address, (client) => work(client, name)),
  );
}

function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  return withStore(address, async (store) => {
    await using client = new Client({ store });
    return work(client);
  });
}
