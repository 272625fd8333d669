import {
  checkArray,
  checkDuration,
  checkNonEmptyString,
  checkOptions,
  checkRecord,
  integer,
  label,
  nested,
  requireOptions,
  checkRule,
  show,
  timeOf,
  type OptionName,
  type Rule,
  type Rules,
} from "../base/check.js";
import { MAX_TIMEOUT } from "../base/timer.js";
import { checkPriority, type Priority } from "../definition/specs/node-options.js";
import type { SqlStore } from "../stores/sql-store.js";
import { checkLogger, type Logger } from "../engine/logger.js";
import { checkSignal, checkStore, checkTelemetry } from "../engine/options.js";
import type { Telemetry } from "../engine/telemetry/telemetry.js";
import type { ServiceQueue } from "./queue.js";
import type { WorkflowRef } from "./workflow-types.js";

/** The options of a {@link Client}. */
export interface ClientOptions {
  /** Where the runs are recorded. It is not closed with the client. */
  store: SqlStore;
  /**
   * The workflows whose runs it submits: classes, dags and fsms, whose inputs and events it checks; or names, whose
   * inputs are checked when a service begins the run. @defaultValue any workflow
   */
  workflows?: readonly WorkflowRef[] | undefined;
  /**
   * What brings runs to the services, which should all have the same: `bullmq()` of `dagwright/bullmq`. @defaultValue the
   * store alone
   */
  queue?: ServiceQueue | undefined;
  /** How often the store is asked for news that nobody told of, in ms. @defaultValue 500 */
  pollInterval?: number | undefined;
  /**
   * Follows what is submitted, and the runs that a service drives: `otel()` of `dagwright/otel`. @defaultValue none; for
   * runs that of their workflow
   */
  telemetry?: Telemetry | undefined;
}

/** The options of a {@link Service}. */
export interface ServiceOptions extends ClientOptions {
  /** The workflows whose runs it drives: classes, instances, dags and fsms. */
  workflows: readonly object[];
  /** Earlier versions of these workflows, for the runs that were submitted or begun with them. @defaultValue none */
  versions?: readonly object[] | undefined;
  /**
   * Gets the lines of `ctx.log` of the runs that it drives, and what happens in these: a logger of pino, or of its shape.
   * @defaultValue that of their workflow
   */
  logger?: Logger | undefined;
  /** How many runs it drives at once. Runs that only wait do not count. @defaultValue 10 */
  concurrency?: number | undefined;
  /**
   * How many runs of a workflow all services of the store drive at once, by its name. The services should agree on it.
   * @defaultValue unlimited
   */
  limits?: Readonly<Record<string, number>> | undefined;
  /**
   * How many runs of a workflow all services of the store begin in any `interval`, in ms, by its name. Runs that continue
   * are not counted. The services should agree on it. @defaultValue unlimited
   */
  rate?: Readonly<Record<string, RateLimit>> | undefined;
  /**
   * How often in a row a run is taken up whose process died before a node completed, until it ends as failed, with a
   * `StoreError` of code `POISONED`. @defaultValue 10
   */
  maxRecoveries?: number | undefined;
  /**
   * Whether SIGTERM and SIGINT stop the service, as `stop` does with these options or with none, and then end the
   * process, if nothing else listens to them. @defaultValue false
   */
  signals?: boolean | StopOptions | undefined;
}

/** At most `limit` starts in any `interval`, in ms. */
export interface RateLimit {
  readonly limit: number;
  readonly interval: number;
}

/** The options of `submit`. */
export interface SubmitOptions<I = Readonly<Record<string, any>>> {
  /** Values for parameters, by name. */
  inputs?: I | undefined;
  /**
   * Of several runs of the workflow that are submitted with the same key, only the first is recorded, until it is
   * deleted. Their inputs must be the same.
   */
  key?: string | undefined;
  /** How long after now it is due, in ms; or the date at which it is, which is now if it is over. @defaultValue at once */
  delay?: number | Date | undefined;
  /** Of the runs that are due, those of a higher priority begin first. @defaultValue "normal" */
  priority?: Priority | undefined;
  /** @defaultValue a random UUID */
  runId?: string | undefined;
  /** Values that nodes share, as `ctx.metadata`. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** The options of `send`. */
export interface ServiceSendOptions {
  /** Of several events with the same key, sent by any process, a run takes only the first. */
  key?: string | undefined;
}

/** The options of `resume`. `N` are the names of the run's nodes. */
export interface ServiceResumeOptions<N extends string = string> {
  /** Results for the nodes that paused the run, by name: `ask`; `check.ask` and `check[3].ask` inside others. These don't run. */
  provide?: { readonly [K in N | `${N}.${string}` | `${N}[${string}`]?: unknown } | undefined;
}

/** The options of `replay`. `N` are the names of the run's nodes. */
export interface ServiceReplayOptions<N extends string = string> {
  /** The nodes to run again, along with their dependents. */
  rerun: readonly N[];
  /** Excludes their dependents. @defaultValue false */
  only?: boolean | undefined;
  /** @defaultValue a random UUID */
  runId?: string | undefined;
}

/** The options of `events`. */
export interface FollowOptions {
  /** The `id` of an event: only later ones are given. @defaultValue all events */
  after?: string | undefined;
  /** Ends the loop with its reason. */
  signal?: AbortSignal | undefined;
  /** Whether it goes on with what happens, until the run ends. @defaultValue true */
  follow?: boolean | undefined;
}

/** The options of `stop`. */
export interface StopOptions {
  /** How long runs may go on before their nodes are interrupted, in ms. @defaultValue 30 000 */
  grace?: number | undefined;
}

export const DEFAULT_GRACE = 30_000;
export const DEFAULT_POLL_INTERVAL = 500;

const CLIENT_RULES: Rules<ClientOptions> = {
  store: checkQueueStore,
  workflows: checkArray,
  queue: checkQueue,
  pollInterval: (option, interval) => checkDuration(option, interval, 1, MAX_TIMEOUT),
  telemetry: (_, telemetry) => checkTelemetry(telemetry),
};

const SERVICE_RULES: Rules<ServiceOptions> = {
  ...CLIENT_RULES,
  workflows: (option, workflows) => {
    checkSources(option, workflows);
    if (workflows.length === 0) throw new RangeError(`${label(option)} must list at least one workflow; it is empty.`);
  },
  versions: checkSources,
  logger: checkLogger,
  concurrency: integer(1),
  limits: byWorkflow(integer(1)),
  rate: byWorkflow((option, rate: RateLimit) => {
    checkOptions(rate, RATE_RULES, option);
    requireOptions(rate, ["limit", "interval"], RATE_RULES, option);
  }),
  maxRecoveries: integer(0),
  signals: (option, signals) => {
    if (typeof signals !== "boolean") checkOptions(signals, STOP_RULES, option);
  },
};

const RATE_RULES: Rules<RateLimit> = {
  limit: integer(1),
  interval: (option, interval) => checkDuration(option, interval, 1),
};

const SUBMIT_RULES: Rules<SubmitOptions> = {
  inputs: checkRecord,
  key: checkNonEmptyString,
  delay: (option, delay) => void (delay instanceof Date ? timeOf(option, delay) : checkDuration(option, delay)),
  priority: checkPriority,
  runId: checkNonEmptyString,
  metadata: checkRecord,
};

const SEND_RULES: Rules<ServiceSendOptions> = { key: checkNonEmptyString };
const RESUME_RULES: Rules<ServiceResumeOptions> = { provide: checkRecord };
const REPLAY_RULES: Rules<ServiceReplayOptions> = { rerun: checkArray, only: "boolean", runId: checkNonEmptyString };
const FOLLOW_RULES: Rules<FollowOptions> = { after: checkNonEmptyString, follow: "boolean", signal: checkSignal };
const STOP_RULES: Rules<StopOptions> = { grace: (option, grace) => checkDuration(option, grace, 0) };

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkClientOptions(options: ClientOptions): void {
  checkOptions(options, CLIENT_RULES, "a client");
  checkQueueStore({ path: "store" }, options.store);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkServiceOptions(options: ServiceOptions): void {
  checkOptions(options, SERVICE_RULES, "a service");
  checkQueueStore({ path: "store" }, options.store);
  requireOptions(options, ["workflows"], SERVICE_RULES);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkSubmitOptions(options: SubmitOptions<any>): void {
  checkOptions(options, SUBMIT_RULES, "submit");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkSendOptions(options: ServiceSendOptions): void {
  checkOptions(options, SEND_RULES, "send");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkResumeOptions(options: ServiceResumeOptions): void {
  checkOptions(options, RESUME_RULES, "resume");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkReplayOptions(options: ServiceReplayOptions): void {
  checkOptions(options, REPLAY_RULES, "replay");
  requireOptions(options, ["rerun"], REPLAY_RULES);
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkFollowOptions(options: FollowOptions): void {
  checkOptions(options, FOLLOW_RULES, "events");
}

/** @throws {TypeError} | {RangeError} naming the option, its rule and the value received */
export function checkStopOptions(options: StopOptions): void {
  checkOptions(options, STOP_RULES, "stop");
}

/** @throws {TypeError} for anything but a list of objects */
function checkSources(option: OptionName, sources: unknown): void {
  checkArray(option, sources);
  const name = sources.find((source) => typeof source === "string");
  if (name === undefined) return;
  throw new TypeError(
    `${label(option)} has only the name ${show(name)} of what a service is to drive. List its class.`,
  );
}

/** A rule for a record of one value for each of some workflows, by name. */
function byWorkflow<V>(rule: Rule<V>) {
  return (option: OptionName, record: Readonly<Record<string, V>>) => {
    checkRecord(option, record);
    for (const [name, value] of Object.entries(record)) checkRule(nested(option, name), value, rule);
  };
}

/** @throws {TypeError} unless it is a queue */
function checkQueue(option: OptionName, queue: unknown): void {
  if (typeof queue === "object" && queue !== null && "open" in queue && typeof queue.open === "function") return;
  throw new TypeError(
    `${label(option)} must be a queue, as bullmq() of dagwright/bullmq makes it; received ${show(queue)}.`,
  );
}

/** @throws {TypeError} unless it is a store */
function checkQueueStore(option: OptionName, store: unknown): void {
  checkStore(store);
  if (typeof store === "object" && store !== null && "queue" in store) return;
  throw new TypeError(`${label(option)} must be a store of this version of dagwright; received ${show(store)}.`);
}
