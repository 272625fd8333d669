import { show } from "../base/check.js";
import { messageOf } from "../base/message.js";
import type { RunEvent } from "../index.js";
import { toJson } from "./event-json.js";
import { brief, durationText } from "./text.js";

type Places = Map<string, { readonly path: string; readonly startedAt: number; readonly workflow: string }>;

/** Tells events as lines of text, for logs and pipes. Names and messages are shown on one line, whatever they hold. */
export class EventLines {
  /** The runs in progress. */
  private readonly runs: Places = new Map();
  /** When the current attempts started, by run and node. */
  private readonly starts = new Map<string, number>();

  /** The line for an event; undefined for those that say little, such as `node.ready`. */
  of(event: RunEvent): string | undefined {
    switch (event.type) {
      case "run.started":
        return this.started(event);
      case "run.finished":
        return this.finished(event);
      case "run.paused":
        return undefined;
      default: {
        const what = this.ofNode(event);
        return what && `${this.runs.get(event.runId)?.path ?? ""}${placeOf(event)}: ${what}`;
      }
    }
  }

  private started({ runId, workflow, parent, at }: Extract<RunEvent, { type: "run.started" }>): string | undefined {
    const outer = parent && this.runs.get(parent.runId);
    const path = parent === undefined ? "" : `${outer?.path ?? ""}${brief(parent.node, 80)}.`;
    this.runs.set(runId, { path, startedAt: at, workflow: brief(workflow, 80) });
    return parent === undefined ? `${brief(workflow, 80)}: run ${brief(runId, 80)} started` : undefined;
  }

  private finished(event: Extract<RunEvent, { type: "run.finished" }>): string | undefined {
    const { runId, status, error, at, parent } = event;
    const run = this.runs.get(runId);
    this.runs.delete(runId);
    const prefix = JSON.stringify(runId);
    for (const key of this.starts.keys()) if (key.startsWith(prefix)) this.starts.delete(key);
    if (parent !== undefined) return undefined;
    const time = run === undefined ? "" : ` after ${durationText(Math.max(0, at - run.startedAt))}`;
    const why = error === undefined ? "" : `: ${brief(messageOf(error))}`;
    return `${run?.workflow ?? "run"}: ${status}${time}${why}`;
  }

  private ofNode(event: Extract<RunEvent, { node: string }>): string | undefined {
    const key = JSON.stringify(event.runId) + event.node;
    const time = () => {
      const start = this.starts.get(key);
      this.starts.delete(key);
      return start === undefined ? "" : ` in ${durationText(Math.max(0, event.at - start))}`;
    };
    switch (event.type) {
      case "attempt.started":
        this.starts.set(key, event.attempt === 1 ? event.at : (this.starts.get(key) ?? event.at));
        return event.attempt === 1 ? "started" : `attempt ${event.attempt} started`;
      case "attempt.failed":
        return `attempt ${event.attempt} failed: ${brief(messageOf(event.error))}`;
      case "node.completed":
        return `completed${time()}${event.cached ? " (cached)" : ""}`;
      case "node.failed":
        return `failed${time()}: ${brief(messageOf(event.error))}`;
      case "node.skipped":
        return event.skippedBy === undefined ? "skipped" : `skipped because of ${brief(event.skippedBy, 80)}`;
      case "node.cancelled":
        return `cancelled${time()}`;
      case "node.waiting":
        return "event" in event.waitingFor
          ? `waits for event ${brief(event.waitingFor.event, 80)}`
          : `waits until ${new Date(event.waitingFor.until).toISOString()}`;
      case "node.progress":
        return event.message === undefined ? undefined : brief(event.message);
      case "node.log":
        return lineText(event);
      case "item.failed":
        return `failed: ${brief(messageOf(event.error))}`;
      case "circuit.opened":
      case "circuit.closed":
        return event.type.replace(".", " ");
      case "node.stale":
        return `kept an expired result: ${brief(messageOf(event.error))}`;
      case "refresh.failed":
        return `refresh failed: ${brief(messageOf(event.error))}`;
      default:
        return undefined;
    }
  }
}

/** A line of the log: `warn: slow {"ms":12}`. */
function lineText({ level, message, fields }: Extract<RunEvent, { type: "node.log" }>): string {
  const prefix = level === "info" ? "" : `${level}: `;
  const rest = Object.keys(fields).length === 0 ? "" : ` ${brief(toJson(fields))}`;
  return `${prefix}${brief(message)}${rest}`;
}

/** The name of the node, with the item that the event is about. */
function placeOf(event: Extract<RunEvent, { node: string }>): string {
  const item = "item" in event ? event.item : "index" in event ? event : undefined;
  const name = brief(event.node, 80);
  return item === undefined ? name : `${name}[${brief(typeof item.key === "string" ? item.key : show(item.key), 80)}]`;
}
