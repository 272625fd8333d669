import type { LazyAbort } from "../../base/abort.js";
import { checkRecord } from "../../base/check.js";
import { whenSettled } from "../../base/coroutine.js";
import { Semaphore } from "../../base/semaphore.js";
import { checkSource, type Source } from "../../base/source.js";
import type { RunEnd } from "../../engine/lifecycle.js";
import { checkRunId } from "../../engine/options.js";
import type { RunResult } from "../../run/result.js";
import type { OwnOptions, StreamLimits } from "../dag-run-factory.js";
import type { DagRun } from "../dag-run.js";
import type { RunOptions } from "../options.js";
import { RunStream, type ItemEnd, type StreamRuns } from "./run-stream.js";
import { checkStreamOptions, type StreamInput, type StreamOptions } from "./options.js";

/** A dag, as its streams see it. */
export interface StreamedDag {
  readonly name: string;
  /** The options of a run, with the dag's defaults. */
  withDefaults(options: RunOptions<any>): RunOptions<any>;
  /** @param unknown - the inputs that items give @throws the error with which a run with these options is refused */
  check(options: RunOptions<any>, unknown: ReadonlySet<string>): void;
  /** The names that inputs have. */
  inputNames(): readonly string[];
  /** @throws {ValidationError} when there is no such node */
  checkNode(name: string): void;
  /** Creates the run of an item. @param options - those of all items, checked and without inputs, id and signal */
  create(options: RunOptions<any>, item: OwnOptions, limits: StreamLimits | undefined): DagRun;
  start(run: DagRun, onEnd: RunEnd<RunResult<any>>): void;
  /** Runs an item with a store. */
  run(options: RunOptions<any>, limits: StreamLimits | undefined): Promise<RunResult<any>>;
  never(): Promise<never> | undefined;
}

/**
 * The results of a dag's runs on the items of a source.
 * @throws the error with which a run with these options is refused, before anything is pulled
 */
export function overStream(dag: StreamedDag, source: Source<unknown>, options: StreamOptions<any>): AsyncIterable<any> {
  checkSource({ path: "", owner: "The source of a stream" }, source);
  checkStreamOptions(options);
  const {
    input,
    concurrency,
    nodeConcurrency = {},
    ordered,
    onItemError,
    deadLetter,
    values,
    runId,
    ...given
  } = options;
  const all = dag.withDefaults(given);
  const { signal, inputs, ...common } = all;
  const expected =
    input === undefined ? dag.inputNames().filter((name) => !Object.hasOwn(inputs ?? {}, name)) : [input];
  const placeholders = Object.fromEntries(expected.map((name) => [name, undefined]));
  const checked = { ...common, store: undefined, ifExists: undefined, inputs: { ...inputs, ...placeholders } };
  dag.check(checked, new Set(expected));
  const limited = Object.entries(nodeConcurrency).filter((entry): entry is [string, number] => entry[1] !== undefined);
  for (const [node] of limited) dag.checkNode(node);
  const limits = limited.map(([node, limit]) => [node, new Semaphore(limit)] as const);
  const runs = new ItemRuns(dag, { input, inputs, runId, common }, limits.length === 0 ? undefined : new Map(limits));
  return new OneReader(
    () => new RunStream(runs, source, { concurrency, ordered, onItemError, deadLetter, values, signal }),
  );
}

interface ItemRunOptions extends Pick<StreamOptions<any>, "input" | "inputs" | "runId"> {
  readonly common: RunOptions<any>;
}

/** The runs of the items of one stream. */
class ItemRuns implements StreamRuns {
  constructor(
    private readonly dag: StreamedDag,
    private readonly options: ItemRunOptions,
    private readonly limits: StreamLimits | undefined,
  ) {}

  get workflow(): string {
    return this.dag.name;
  }

  never(): Promise<never> | undefined {
    return this.dag.never();
  }

  start({ index, input }: StreamInput, abort: LazyAbort, onEnd: ItemEnd): void {
    const item = { inputs: this.inputsOf(input), runId: this.idOf(index) };
    if (this.options.common.store !== undefined) return this.record(item, abort, onEnd);
    const run = this.dag.create(this.options.common, item, this.limits);
    // Schemas and functions that give ids may end the stream.
    if (abort.aborted) return onEnd(undefined, abort.reason);
    const removeListener = abort.listen((reason) => run.life.cancel(reason));
    this.dag.start(run, (result, error) => {
      removeListener();
      onEnd(result, error);
    });
  }

  private record({ inputs, runId }: OwnOptions, { signal }: LazyAbort, onEnd: ItemEnd): void {
    // Not a spread, see withInput.
    const options = Object.assign({}, this.options.common, { inputs, runId, signal });
    const failed = (error: unknown) => onEnd(undefined, error);
    whenSettled(this.dag.run(options, this.limits), (result) => onEnd(result, undefined), failed);
  }

  private inputsOf(item: unknown): Readonly<Record<string, unknown>> {
    const { input, inputs } = this.options;
    if (input !== undefined) return inputs === undefined ? { [input]: item } : withInput(inputs, input, item);
    checkRecord({ path: "", owner: 'An item of a stream without the option "input"' }, item);
    return inputs === undefined ? (item as Record<string, unknown>) : { ...inputs, ...(item as object) };
  }

  private idOf(index: number): string | undefined {
    const { runId } = this.options;
    if (runId === undefined) return undefined;
    const id = runId(index);
    checkRunId(id);
    return id;
  }
}

/** Not a spread: one that is followed by more properties gives each object a hidden class of its own. */
function withInput(inputs: object, name: string, item: unknown): Record<string, unknown> {
  return Object.assign({}, inputs, { [name]: item });
}

/** An iterable for a single reader: a second one would get the rest of the source, or nothing. */
class OneReader implements AsyncIterable<unknown> {
  private isTaken = false;

  constructor(private readonly open: () => AsyncIterator<unknown>) {}

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    if (this.isTaken) throw new TypeError("A stream can be read only once. Call dag.stream again for another one.");
    this.isTaken = true;
    return this.open();
  }
}
