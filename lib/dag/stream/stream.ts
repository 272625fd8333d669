import { checkRecord } from "../../base/check.js";
import { Semaphore } from "../../base/semaphore.js";
import { checkSource, type Source } from "../../base/source.js";
import { checkRunId } from "../../engine/options.js";
import type { RunResult } from "../../run/result.js";
import type { RunOptions } from "../options.js";
import { ItemStream, type StreamRuns } from "./item-stream.js";
import { checkStreamOptions, type StreamInput, type StreamOptions } from "./options.js";

/** The limits of nodes, by name. */
export type StreamLimits = ReadonlyMap<string, Semaphore>;

/** A dag, as its streams see it. */
export interface StreamedDag {
  readonly name: string;
  /** The options of a run, with the dag's defaults. */
  withDefaults(options: RunOptions<any>): RunOptions<any>;
  /** @throws what a run with these options would be refused with */
  check(options: RunOptions<any>): void;
  /** The names that inputs have. */
  inputNames(): readonly string[];
  /** @throws {ValidationError} when there is no such node */
  checkNode(name: string): void;
  run(options: RunOptions<any>, limits: StreamLimits | undefined): Promise<RunResult<any>>;
  never(): Promise<never> | undefined;
}

/**
 * The results of a dag's runs on the items of a source.
 * @throws what a run with these options would be refused with, before anything is pulled
 */
export function streamOf(dag: StreamedDag, source: Source<unknown>, options: StreamOptions<any>): AsyncIterable<any> {
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
  const expected = input === undefined ? dag.inputNames() : [input];
  const placeholders = Object.fromEntries(expected.map((name) => [name, undefined]));
  dag.check({ ...common, store: undefined, ifExists: undefined, inputs: { ...placeholders, ...inputs } });
  const limited = Object.entries(nodeConcurrency).filter((entry): entry is [string, number] => entry[1] !== undefined);
  for (const [node] of limited) dag.checkNode(node);
  const limits = limited.map(([node, limit]) => [node, new Semaphore(limit)] as const);
  const runs = new ItemRuns(dag, { input, inputs, runId, common }, limits.length === 0 ? undefined : new Map(limits));
  return new OneReader(
    () => new ItemStream(runs, source, { concurrency, ordered, onItemError, deadLetter, values, signal }),
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

  run({ index, input }: StreamInput, signal: AbortSignal): Promise<RunResult<any>> {
    try {
      const options = { ...this.options.common, inputs: this.inputsOf(input), runId: this.idOf(index), signal };
      return this.dag.run(options, this.limits);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private inputsOf(item: unknown): Readonly<Record<string, unknown>> {
    const { input, inputs } = this.options;
    if (input !== undefined) return { ...inputs, [input]: item };
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
