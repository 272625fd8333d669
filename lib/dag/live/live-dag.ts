import { checkRecord, checkType } from "../../base/check.js";
import { ClosedError } from "../../base/errors.js";
import { asSentence, messageOf } from "../../base/message.js";
import { checkSource, type Source } from "../../base/source.js";
import { warn } from "../../base/warning.js";
import type { DeclaredInputs } from "../../definition/specs/input-schemas.js";
import type { NodeHandle, Target } from "../../definition/node-handle.js";
import { checkDagInputs } from "../../planning/inputs.js";
import type { DagPlan } from "../../planning/plan.js";
import { CancelledError, ExecutionError } from "../../run/errors.js";
import type { InnerPath } from "../../run/result.js";
import { RunState } from "../../run/state.js";
import { STATUS_NAMES, type NodeStatus } from "../../run/status.js";
import { inputValues } from "../arguments.js";
import { nodeIn } from "../dag-run-factory.js";
import { Feed } from "./feed.js";
import type { LiveSetup } from "./live-resources.js";
import { LiveRun } from "./live-run.js";
import type { LiveOptions } from "./options.js";
import { acceptChange } from "./schemas.js";
import { Subscribers } from "./subscribers.js";

/** What a {@link LiveDag} is made of. */
export interface LiveSource extends Pick<LiveSetup, "hooks" | "cacheOf" | "place"> {
  readonly plan: DagPlan;
  /** The schemas of inputs; undefined if there are none. */
  readonly declared: DeclaredInputs | undefined;
  /** As parsed by their schemas. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly options: LiveOptions<any>;
  /** A promise that never settles, at the top level of a module that a worker imports; elsewhere undefined. */
  readonly never: Promise<never> | undefined;
}

/**
 * A dag whose results stay up to date with its inputs, until it is closed: see {@link Dag.live}. `N` holds the types of
 * the nodes' results by name, `I` those of the inputs.
 *
 * A change recomputes only the nodes that depend on it. Each runs at most once per change, when everything that it
 * depends on is up to date; a result that equals the one before ends the wave. A computation that a further change
 * overtakes is aborted through its signal, and its result dropped. Changes in one turn are computed together, in a
 * microtask. Nodes depend on their needs and parameters, not on what they read from their context.
 */
export class LiveDag<N = Record<string, unknown>, I extends object = Record<string, any>> {
  readonly #plan: DagPlan;
  readonly #declared: DeclaredInputs | undefined;
  readonly #state: RunState;
  readonly #run: LiveRun;
  readonly #never: Promise<never> | undefined;
  readonly #subscribers: Subscribers;
  readonly #inputs: ReadonlyMap<string, number>;
  readonly #feeds = new Map<Feed, string>();
  #fault: ExecutionError | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor({ plan, declared, inputs, options, hooks, cacheOf, place, never }: LiveSource) {
    const { metadata } = options;
    this.#plan = plan;
    this.#declared = declared;
    this.#never = never;
    this.#state = new RunState(plan, inputs, undefined, undefined, metadata);
    this.#subscribers = new Subscribers((node) => plan.specs[node].name);
    this.#inputs = new Map(plan.inputs.map(({ name }, input) => [name, input]));
    this.#run = new LiveRun(this.#state, [...inputValues(plan, inputs)], options, {
      hooks,
      cacheOf,
      place,
      changed: (node) => this.#subscribers.changed(node, this.#run.results.get(node)),
      rested: () => this.#subscribers.notify(),
      broke: (error) => {
        this.#fault = error;
        void this.close();
      },
    });
    if (never === undefined) this.#run.begin();
  }

  // --- inputs ---

  /**
   * Changes one input, or several at once. An equal value (`Object.is`) is no change. Returns at once.
   * @throws {ClosedError} CLOSED after {@link LiveDag.close}
   * @throws {ValidationError} VALIDATION for an input that no node takes, suggesting the nearest name, or that its schema
   * refuses; nothing is changed then
   */
  set<K extends keyof I & string>(input: K, value: I[K]): void;
  set(inputs: Readonly<Partial<I>>): void;
  set(input: string | Readonly<Record<string, unknown>>, value?: unknown): void {
    if (typeof input === "string") {
      const number = this.#inputNamed(input, "set");
      if (this.#declared?.has(input) !== true) return this.#run.set(number, value);
      return this.#setAll({ [input]: value });
    }
    checkRecord("inputs", input);
    this.#setAll(input);
  }

  #setAll(given: Readonly<Record<string, unknown>>): void {
    const numbers = Object.keys(given).map((name) => [name, this.#inputNamed(name, "set")] as const);
    const values =
      this.#declared === undefined ? given : acceptChange(this.#plan, this.#declared, given, this.#run.inputsNow());
    this.#run.setAll(new Map(numbers.map(([name, number]) => [number, values[name]])));
  }

  /**
   * Sets an input to each value of a source as it comes; a value that comes before the last one has been processed
   * overtakes it. If the source throws, or gives a value that the input's schema refuses, that is one of {@link
   * LiveDag.errors} until the input is followed again.
   * @param source - an iterable, an async iterable, a Node `Readable` or a Web `ReadableStream`
   * @returns a function that stops this and closes the source; it resolves when the source has closed
   * @throws as {@link LiveDag.set}; {TypeError} when it is no source
   */
  follow<K extends keyof I & string>(input: K, source: Source<I[K]>): () => Promise<void> {
    this.#inputNamed(input, "follow");
    checkSource({ path: "", owner: `What input "${input}" follows` }, source);
    for (const [other, name] of this.#feeds)
      if (name === input && other.failure !== undefined) this.#feeds.delete(other);
    const feed = new Feed(source, (value) => this.set(input, value as I[K]), this.#warnOfSource);
    this.#feeds.set(feed, input);
    if (this.#never === undefined) {
      void feed.run().then(() => {
        if (feed.failure === undefined) this.#feeds.delete(feed);
      });
    }
    return async () => {
      this.#feeds.delete(feed);
      await feed.stop();
    };
  }

  #inputNamed(name: string, method: string): number {
    if (this.#closing !== undefined) {
      throw new ClosedError(
        `This live dag of "${this.workflow}" is closed, so ${method} has no effect. Make another one.`,
      );
    }
    const input = this.#inputs.get(name);
    if (input === undefined) checkDagInputs(this.#plan, { [name]: undefined });
    return input as number;
  }

  // --- results ---

  /** The name of the dag. */
  get workflow(): string {
    return this.#plan.workflow;
  }

  /**
   * The value of a node, or `fallback` if it has none: if it has failed, been skipped, or never been computed. While it
   * is being recomputed, that is the previous value. A node inside a workflow is named `check.verdict`.
   */
  get<T>(node: NodeHandle<T, any>): T | undefined;
  get<K extends keyof N & string>(node: K): N[K] | undefined;
  get<K extends keyof N & string, F>(node: K, fallback: F): N[K] | F;
  get<T, F>(node: NodeHandle<T, any>, fallback: F): T | F;
  get(inner: InnerPath<N>, fallback?: unknown): any;
  get(node: string | NodeHandle<any, any>, fallback?: unknown): unknown {
    const name = typeof node === "string" ? node : node.name;
    const index = this.#plan.indexOf.get(name);
    if (index === undefined) return this.#state.has(name) ? this.#state.get(name) : fallback;
    return this.#run.results.has(index) ? this.#run.results.get(index) : fallback;
  }

  /** Whether a node has a value, see {@link LiveDag.get}. */
  has(node: (keyof N & string) | NodeHandle<any, any> | InnerPath<N>): boolean {
    const name = typeof node === "string" ? node : node.name;
    const index = this.#plan.indexOf.get(name);
    return index === undefined ? this.#state.has(name) : this.#run.results.has(index);
  }

  /**
   * `completed`, `failed` or `skipped` for a node that is up to date; `pending`, `ready` or `running` for one that is not
   * yet; `cancelled` for one that was not when the live dag was closed.
   * @throws {ValidationError} VALIDATION when there is no such node, suggesting the nearest name
   */
  status(node: Target<keyof N & string>): NodeStatus {
    return STATUS_NAMES[this.#state.status[this.#indexOf(node)]];
  }

  /**
   * The errors of failed nodes, in the order of their failures, and those of failed sources; without those that a
   * `coalesce` handles.
   */
  get errors(): readonly ExecutionError[] {
    const { runId } = this.#state;
    const errors: ExecutionError[] = this.#state.failures;
    for (const [{ failure }, input] of this.#feeds) {
      if (failure === undefined) continue;
      const why = asSentence(messageOf(failure.error));
      const reason = failure.isRefusal ? "a value of its source was refused" : "its source failed";
      const message = `Input "${input}" of "${this.workflow}" is no longer followed, because ${reason}: ${why} Follow another one.`;
      errors.push(new ExecutionError(message, { runId, cause: failure.error }));
    }
    if (this.#fault !== undefined) errors.push(this.#fault);
    return errors;
  }

  /**
   * Calls a function with each new value of a node, and with undefined when the node no longer has one. The
   * function may set inputs. What it throws becomes a process warning.
   * @returns a function that unsubscribes
   * @throws {ClosedError} CLOSED after {@link LiveDag.close}
   * @throws {ValidationError} VALIDATION when there is no such node, suggesting the nearest name
   */
  subscribe<T>(node: NodeHandle<T, any>, subscriber: (value: T | undefined) => unknown): () => void;
  subscribe<K extends keyof N & string>(node: K, subscriber: (value: N[K] | undefined) => unknown): () => void;
  subscribe(node: Target, subscriber: (value: any) => unknown): () => void {
    const index = this.#indexOf(node);
    checkType("subscriber", subscriber, "function");
    if (this.#closing !== undefined) {
      throw new ClosedError(`This live dag of "${this.workflow}" is closed, so it has no more values to report.`);
    }
    return this.#subscribers.add(index, subscriber);
  }

  /**
   * Resolves when every node is up to date and the subscribers have been called, or the live dag is closed. Never
   * rejects: see {@link LiveDag.status} and {@link LiveDag.errors}.
   */
  settled(): Promise<void> {
    return this.#never ?? this.#run.settled() ?? Promise.resolve();
  }

  #indexOf(node: Target): number {
    const name: unknown = typeof node === "string" ? node : (node as NodeHandle | undefined)?.name;
    checkType("node", name, "string");
    return nodeIn(this.#plan, name as string);
  }

  // --- the end ---

  /**
   * Aborts what is being computed, runs inside included, and closes the sources that inputs follow. Results can still
   * be read. Resolves when all of these have ended, and the sources have closed; what they throw becomes a process
   * warning.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const message = `The live dag of "${this.workflow}" was closed.`;
    const stopping = Array.from(this.#feeds.keys(), (feed) => feed.stop().catch(this.#warnOfSource));
    this.#run.close(new CancelledError(message, { runId: this.#state.runId }));
    this.#subscribers.clear();
    await Promise.all([...stopping, this.#run.ended()]);
  }

  readonly #warnOfSource = (error: unknown): void => {
    warn(
      `A source that "${this.workflow}" follows threw when it was closed: ${messageOf(error)}`,
      "DagwrightStreamWarning",
    );
  };

  /** For `JSON.stringify` and `console.log`. */
  toJSON(): object {
    const { workflow, errors } = this;
    const nodes = this.#plan.specs.map(({ name }, i) => [name, STATUS_NAMES[this.#state.status[i]]]);
    const isClosed = this.#closing !== undefined;
    return { workflow, isClosed, errors, nodes: Object.fromEntries(nodes) as Record<string, string> };
  }

  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return this.toJSON();
  }
}
