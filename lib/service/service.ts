import { Client } from "./client.js";
import { Dispatcher, type RunSlot } from "./dispatcher.js";
import { KnownWorkflows } from "./known-workflows.js";
import {
  checkServiceOptions,
  checkStopOptions,
  DEFAULT_GRACE,
  type ServiceOptions,
  type StopOptions,
} from "./options.js";
import { Term } from "./term.js";

/** What a service does, see {@link Service.health}. */
export interface ServiceHealth {
  /** How many runs of its workflows are driven, by any service. */
  readonly running: number;
  /** How many are at rest until a time or an event. */
  readonly waiting: number;
  /** How many are due, and not driven yet, also since no service could drive them. */
  readonly due: number;
  /** Since when the oldest of these is due, in ms since 1970. */
  readonly oldestDue: number | undefined;
  /** How many runs this service drives. */
  readonly claimed: number;
  /** For how long the oldest has been due, in ms. */
  readonly lag: number;
}

const DEFAULT_CONCURRENCY = 10;
const DEFAULT_MAX_RECOVERIES = 10;

/**
 * Drives recorded runs in this process: those that clients and services submit, those that are due, and those whose
 * process has died. Several services may share a store, in one process or many: each run is driven by one at a time.
 *
 * It is a {@link Client} of its store, too. It drives nothing before {@link Service.start}, and does not keep an idle
 * process alive.
 */
export class Service extends Client {
  private readonly settings: ServiceOptions;
  /** The present term, or the one that begins after it; undefined while it is stopped. */
  private term: Term | undefined;
  private isClosing = false;

  /**
   * @throws {TypeError} | {RangeError} naming the option, its rule and the value received; {InvalidNodeError} for what is
   *   no workflow; {ValidationError} for two of the same name, or a version of none
   */
  constructor(options: ServiceOptions) {
    checkServiceOptions(options);
    super(options, serviceWorkflows(options));
    this.settings = options;
  }

  /**
   * Begins to drive runs. Resolves when the runs of dead processes have been found, and the first runs claimed. A service
   * that was stopped can be started again.
   * @throws {ValidationError} when a workflow is not valid; {StoreError}; {ClosedError}
   */
  async start(): Promise<void> {
    const { never } = this.workflows;
    if (never !== undefined) return never;
    if (this.isClosing) throw this.closed();
    if (this.term === undefined || this.term.isStopping) this.term = this.nextTerm(this.term);
    return this.term.started;
  }

  private nextTerm(previous: Term | undefined): Term {
    const { signals = false } = this.settings;
    const onSignal = signals === false ? undefined : () => this.stop(signals === true ? {} : signals);
    const stopWatching = this.telemetry?.watch(() => this.health());
    const term: Term = new Term(this.newDispatcher(), previous, onSignal, () => {
      stopWatching?.();
      if (this.term === term) this.term = undefined;
    });
    return term;
  }

  private newDispatcher(): Dispatcher {
    const {
      concurrency = DEFAULT_CONCURRENCY,
      limits = {},
      rate = {},
      maxRecoveries = DEFAULT_MAX_RECOVERIES,
      logger,
    } = this.settings;
    return new Dispatcher({
      store: this.store,
      runs: this.store.queue,
      queue: this.queue,
      schedules: this.store.schedules,
      workflows: this.workflows,
      followers: this.followers,
      concurrency,
      interval: this.interval,
      limits: new Map(Object.entries(limits)),
      rates: new Map(Object.entries(rate)),
      maxRecoveries,
      runOptions: { ...(this.telemetry && { telemetry: this.telemetry }), ...(logger && { logger }) },
      onEnd: (runId, result, error) => this.results.settle(runId, result, error),
    });
  }

  /**
   * Begins no more runs, and waits for those that it drives. After `grace`, their nodes are interrupted: their signals
   * abort, and the runs are queued again, for any service, which makes another attempt of these nodes. Its verbs, and the
   * results that are waited for, remain. Idempotent: another call can shorten the grace.
   * @throws {TypeError} | {RangeError}
   */
  async stop(options: StopOptions = {}): Promise<void> {
    checkStopOptions(options);
    return this.term?.stop(options.grace ?? DEFAULT_GRACE);
  }

  /** Stops the service for good, and rejects the results that are still waited for. */
  override async close(options: StopOptions = {}): Promise<void> {
    checkStopOptions(options);
    this.isClosing = true;
    await this.stop(options);
    await super.close();
  }

  /** What is waiting and what is in progress. One query. @throws {StoreError} */
  async health(): Promise<ServiceHealth> {
    this.requireOpen();
    const { running, waiting, due, oldestDue, lag } = await this.store.queue.health(this.workflows.served);
    return { running, waiting, due, oldestDue, claimed: this.driven.size, lag };
  }

  /** For `JSON.stringify`. */
  override toJSON(): object {
    const isDriving = this.term !== undefined && !this.term.isStopping;
    return { ...super.toJSON(), isDriving, claimed: this.driven.size };
  }

  protected override get driven(): ReadonlyMap<string, RunSlot> {
    return this.term?.slots ?? super.driven;
  }
}

function serviceWorkflows({ workflows, versions = [], limits = {}, rate = {} }: ServiceOptions): KnownWorkflows {
  const known = new KnownWorkflows("service", workflows);
  known.addVersions(versions);
  known.requireNames("limits", Object.keys(limits));
  known.requireNames("rate", Object.keys(rate));
  return known;
}
