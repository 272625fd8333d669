import { Command } from "commander";
import { VERSION } from "../base/own-files.js";
import { keepStdout } from "./output.js";
import { addCompletion } from "./commands/completion.js";
import { addDiff } from "./commands/diff.js";
import { addDoctor } from "./commands/doctor.js";
import { addGraph } from "./commands/graph.js";
import { addInit } from "./commands/init.js";
import { addLogs } from "./commands/logs.js";
import { addPlan } from "./commands/plan.js";
import { addPrune } from "./commands/prune.js";
import { addRecover } from "./commands/recover.js";
import { addReplay } from "./commands/replay.js";
import { addResume } from "./commands/resume.js";
import { addRun } from "./commands/run.js";
import { addRuns } from "./commands/runs.js";
import { addSchedule } from "./commands/schedule.js";
import { addSend } from "./commands/send.js";
import { addService } from "./commands/service.js";
import { addShow } from "./commands/show.js";
import { addSteering } from "./commands/steer.js";
import { addStudio } from "./commands/studio.js";
import { addSubmit } from "./commands/submit.js";
import { addValidate } from "./commands/validate.js";
import { addWorker } from "./commands/worker.js";

const EXIT_CODES = `
Exit codes: 0 completed, 1 failed or invalid, 2 wrong usage, 3 paused or put away, 130 interrupted.`;

/** Commands among whose output users' code may write: it runs meanwhile. */
const DRIVING: ReadonlySet<string> = new Set(["run", "resume", "replay", "recover", "service", "worker"]);

/** All commands. Their actions set the exit code of the process. */
export function program(): Command {
  const root = new Command("dagwright")
    .description("Runs workflows, and shows what became of them.")
    .version(VERSION, "-v, --version")
    .helpCommand(true)
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for how it is used)")
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .hook("preAction", (_, command) => {
      const isForPeople = DRIVING.has(command.name()) && command.opts<{ json?: boolean }>().json !== true;
      if (!isForPeople) keepStdout();
    });
  for (const add of [addRun, addValidate, addPlan, addGraph]) add(root);
  for (const add of [addRuns, addShow, addLogs, addDiff]) add(root);
  for (const add of [addResume, addReplay, addRecover, addSend, addSteering, addPrune]) add(root);
  for (const add of [addService, addWorker, addSubmit, addSchedule, addStudio]) add(root);
  for (const add of [addInit, addDoctor, addCompletion]) add(root);
  return root;
}
