import { show } from "../../../base/check.js";
import { StoreError } from "../../../base/errors.js";
import { withJson } from "../../../base/json.js";
import { asSentence, messageOf } from "../../../base/message.js";
import { dueTimeOf } from "../../../timetables/due-time.js";
import {
  defineSchedule,
  type ScheduleDefinition,
  timetableOf,
  type TimingOptions,
} from "../../../timetables/schedule-definition.js";
import type { ScheduleRow } from "../../database/schema.js";
import type { Codec } from "../../values/codec.js";
import type { SchedulesHost } from "./schedules-host.js";
import type { RecordedSchedule } from "./schedules.js";

type Values = Readonly<Record<string, unknown>>;

/** The text of a definition. Equal definitions have equal texts. */
export function definitionText({ cron, timezone, every, at, overlap, catchUp, jitter }: ScheduleDefinition): string {
  return JSON.stringify({ cron, timezone, every, at, overlap, catchUp, jitter });
}

/** @throws {StoreError} for a row that this library did not write, or a time zone that this process does not know */
export function definitionIn({ name, definition }: Pick<ScheduleRow, "name" | "definition">): ScheduleDefinition {
  try {
    return defineSchedule(name, JSON.parse(definition) as TimingOptions);
  } catch (cause) {
    const message = `The schedule ${show(name)} can't be read: ${asSentence(messageOf(cause))} Schedule it again.`;
    throw new StoreError(message, "STORE", { cause });
  }
}

/** The columns of a schedule without a next run. */
export const NO_NEXT = { next_at: null, due_at: null };

/** The columns of the next run. @param first - when the schedule was first recorded */
export function nextColumns(
  { name, definition }: { readonly name: string; readonly definition: ScheduleDefinition },
  first: number,
  next: number | undefined,
): Pick<ScheduleRow, "next_at" | "due_at"> {
  if (next === undefined) return NO_NEXT;
  return { next_at: next, due_at: dueTimeOf(name, timetableOf(definition, first), next, definition.jitter) };
}

export function recordedSchedule(row: ScheduleRow, { logHost: { codec }, redaction }: SchedulesHost): RecordedSchedule {
  const valuesOf = (column: "inputs" | "metadata") => {
    const text = row[column];
    return text === null ? {} : recordIn(text, codec, (record) => redaction.apply(column, record));
  };
  return {
    name: row.name,
    workflow: row.workflow,
    definition: readable(row),
    inputs: valuesOf("inputs"),
    metadata: valuesOf("metadata"),
    priority: row.priority,
    next: row.next_at ?? undefined,
    last: row.last_at ?? undefined,
    isPaused: row.paused === 1,
  };
}

/** Undefined if it can't be decoded. */
function recordIn(text: string, codec: Codec, redact: (record: unknown) => unknown): Values | undefined {
  let record: unknown;
  try {
    record = codec.decode(text, withJson);
  } catch {
    return undefined;
  }
  return redact(record) as Values;
}

function readable(row: ScheduleRow): ScheduleDefinition | StoreError {
  try {
    return definitionIn(row);
  } catch (error) {
    return error as StoreError;
  }
}

export function noSchedule(name: string): StoreError {
  return new StoreError(`There is no schedule ${show(name)}. Check its name, or schedule it first.`, "NOT_FOUND");
}
