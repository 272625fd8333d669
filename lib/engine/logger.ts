import { label, show, type OptionName } from "../base/check.js";
import { messageOf } from "../base/message.js";
import type { LogLevel } from "../definition/context.js";
import type { Observer, RunEvent } from "../run/events.js";
import { LOG_LEVELS } from "../run/log-line.js";

const NO_OBSERVERS: readonly Observer[] = Object.freeze([]);

/** The methods of a logger that a run calls, as pino has them. */
export type Logger = Readonly<Record<LogLevel, (fields: object, message: string) => void>>;

/** @throws {TypeError} unless it is a logger */
export function checkLogger(option: OptionName, logger: unknown): void {
  const isLogger = typeof logger === "object" && logger !== null;
  if (isLogger && LOG_LEVELS.every((method) => typeof Reflect.get(logger, method) === "function")) return;
  const rule = `must have the methods debug, info, warn and error, which take fields and a message, as pino's do`;
  throw new TypeError(`${label(option)} ${rule}; received ${show(logger)}.`);
}

/** The observers of a run, its logger among them. */
export function observersOf({
  observers = NO_OBSERVERS,
  logger,
}: {
  readonly observers?: readonly Observer[] | undefined;
  readonly logger?: Logger | undefined;
}): readonly Observer[] {
  return logger === undefined ? observers : [...observers, loggingTo(logger)];
}

/** An observer that logs what nodes write, and how runs, nodes and attempts end. */
function loggingTo(logger: Logger): Observer {
  return (event) => {
    const { runId } = event;
    switch (event.type) {
      case "node.log": {
        const { node, attempt, item, level, message, fields } = event;
        return logger[level]({ ...fields, runId, node, attempt, ...indexOf(item) }, message);
      }
      case "run.started":
        return logger.info({ runId, workflow: event.workflow }, "run started");
      case "run.finished":
        return finished(logger, event);
      case "attempt.failed": {
        const { node, attempt, item, error } = event;
        return logger.warn(
          { runId, node, attempt, ...indexOf(item), err: error },
          `attempt failed: ${messageOf(error)}`,
        );
      }
      case "node.failed": {
        const { node, error } = event;
        return logger.error({ runId, node, err: error }, `node failed: ${messageOf(error)}`);
      }
      default:
        return undefined;
    }
  };
}

function finished(logger: Logger, { runId, status, error }: Extract<RunEvent, { type: "run.finished" }>): void {
  if (error === undefined) return logger[status === "failed" ? "error" : "info"]({ runId, status }, `run ${status}`);
  const level = status === "failed" ? "error" : "warn";
  logger[level]({ runId, status, err: error }, `run ${status}: ${messageOf(error)}`);
}

function indexOf(item: { readonly index: number } | undefined): { readonly item?: number } {
  return item === undefined ? {} : { item: item.index };
}
