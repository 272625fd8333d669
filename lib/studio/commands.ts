import { commandLine } from "../base/command-line.js";

/** What a person asks the studio to do. Each has a command line that does the same. */
export type Act =
  | { readonly kind: "start"; readonly workflow: string; readonly inputs: Values; readonly key?: string | undefined }
  | {
      readonly kind: "resume";
      readonly runId: string;
      readonly workflow: string;
      readonly provide?: Values | undefined;
    }
  | { readonly kind: "cancel"; readonly runId: string; readonly reason?: string | undefined }
  | { readonly kind: "pause" | "delete"; readonly runId: string }
  | {
      readonly kind: "replay";
      readonly runId: string;
      readonly workflow: string;
      readonly rerun: readonly string[];
      readonly only?: boolean | undefined;
    }
  | {
      readonly kind: "send";
      readonly runId: string;
      readonly event: string;
      readonly payload?: unknown;
      readonly key?: string | undefined;
    }
  | { readonly kind: "schedule"; readonly verb: ScheduleVerb; readonly name: string };

export type ScheduleVerb = "trigger" | "pause" | "resume" | "remove";

type Values = Readonly<Record<string, unknown>>;

/** Where command lines find the store, and the module with the workflows. */
export interface Place {
  readonly store: string;
  readonly file: string;
  readonly isWindows: boolean;
}

/** The command line that does the same as an act. Pure. */
export function commandOf(act: Act, place: Place): string {
  return commandLine([...argumentsOf(act, place.file), "--store", place.store], place.isWindows);
}

function argumentsOf(act: Act, file: string): string[] {
  switch (act.kind) {
    case "start":
      return [
        "submit",
        file,
        "--workflow",
        act.workflow,
        ...values("--input", act.inputs),
        ...option("--key", act.key),
      ];
    case "resume":
      return ["resume", file, act.runId, "--workflow", act.workflow, ...values("--provide", act.provide)];
    case "replay": {
      const only = act.only === true ? ["--only"] : [];
      return ["replay", file, act.runId, "--workflow", act.workflow, "--rerun", act.rerun.join(","), ...only];
    }
    case "send": {
      const payload = act.payload === undefined ? [] : [JSON.stringify(act.payload)];
      return ["send", act.runId, act.event, ...payload, ...option("--key", act.key)];
    }
    case "cancel":
      return ["cancel", act.runId, ...option("--reason", act.reason)];
    case "schedule":
      return ["schedule", act.verb, act.name];
    default:
      return [act.kind, act.runId];
  }
}

function option(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [name, value];
}

function values(name: string, record: Values = {}): string[] {
  return Object.entries(record).flatMap(([key, value]) => [name, `${key}=${JSON.stringify(value)}`]);
}
