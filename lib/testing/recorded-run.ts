import { checkOptions, label, show, type OptionName, type Rules } from "../base/check.js";
import { MissingResultError } from "../base/errors.js";
import { checkRunId, checkStore } from "../engine/options.js";
import {
  Dag,
  decide,
  next,
  route,
  stop,
  type Fsm,
  type FsmResult,
  type RunOptions,
  type RunResult,
  type RunStore,
} from "../index.js";
import type { RecordedCycle, RecordedRun as RunRecord } from "../stores/store.js";
import type { NamesOf, ValuesOf } from "./typed-workflow.js";
import { runRulesWithout } from "./run-rules.js";
import { standIn } from "./stand-in.js";
import { memberOf, workflowOf, type AnyWorkflow } from "./workflow-source.js";

/** The options of {@link RecordedRun.run}: those of a run, and what runs again. */
export interface RerunOptions<K extends string = string> extends Omit<RunOptions, "overrides" | "store" | "runId"> {
  /** The nodes or states whose functions are called. All others give what is recorded. @defaultValue none */
  readonly rerun?: readonly K[] | undefined;
}

/** A recorded run as a fixture. It only reads the store. */
export interface RecordedRun {
  readonly runId: string;
  /**
   * Runs a workflow with the recorded inputs, unless `inputs` gives others, and the recorded results of all nodes but those
   * that run again. The states of an fsm lead on as recorded.
   * @param workflow - a dag, an fsm, an annotated class, or an instance of one: of the record, or a later version of that
   * @throws {StoreError} NOT_FOUND; {ValidationError} for names that there are not; {MissingResultError} for a node that is
   *   wanted and has no result; otherwise as `run`
   */
  run<const W extends object>(workflow: W, options?: RerunOptions<NamesOf<W>>): Promise<ResultFor<W>>;
}

type ResultFor<W> = W extends Fsm<any, any, any> ? FsmResult<ValuesOf<W>> : RunResult<ValuesOf<W>>;

const RULES: Rules<RerunOptions> = {
  ...runRulesWithout("overrides", "store", "runId"),
  rerun: (option: OptionName, names: unknown) => {
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return;
    throw new TypeError(`${label(option)} must be a list of names; received ${show(names)}.`);
  },
};

/**
 * A recorded run as a fixture for tests: its results take the place of all nodes but those that are to run again.
 * @throws {TypeError} for anything but a store and an id
 */
export function recordedRun(store: RunStore, runId: string): RecordedRun {
  checkStore(store);
  checkRunId(runId);
  const run = async (source: object, options: RerunOptions = {}): Promise<unknown> => {
    checkOptions(options, RULES, "recordedRun");
    const { rerun = [], ...given } = options;
    const workflow = workflowOf(source, "recordedRun").clone() as AnyWorkflow;
    for (const name of rerun) memberOf(workflow, name);
    const record = await store.read(runId);
    const inputs = given.inputs ?? record.inputs;
    if (workflow instanceof Dag) return rerunDag(workflow, record, rerun, { ...given, inputs });
    return rerunFsm(workflow, record, rerun, { ...given, inputs });
  };
  return { runId, run: run as RecordedRun["run"] };
}

function rerunDag(
  dag: Dag<any, any, any>,
  { runId, nodes }: RunRecord,
  rerun: readonly string[],
  options: RunOptions<any>,
): Promise<unknown> {
  const overrides: Record<string, unknown> = {};
  const following = followersOf(dag, rerun);
  for (const { name, kind } of dag.members.values()) {
    if (rerun.includes(name) || kind === "when" || kind === "coalesce") continue;
    const { output, branch } = nodes.get(name) ?? {};
    if (output === undefined) replace(dag, name, throwing(noResult("node", name, runId)));
    else {
      const result = branch === undefined ? output.value : forked(kind, branch, output.value);
      // What only overridden nodes need would not run.
      if (following.has(name)) replace(dag, name, () => result);
      else overrides[name] = result;
    }
  }
  return dag.run({ ...options, overrides });
}

/** The nodes that come after some nodes. */
function followersOf(dag: Dag<any, any, any>, nodes: readonly string[]): ReadonlySet<string> {
  const { edges } = dag;
  const following = new Set<string>();
  const queue = [...nodes];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const { from, to } of edges) {
      if (from !== node || following.has(to)) continue;
      following.add(to);
      queue.push(to);
    }
  }
  return following;
}

/** What a fork has decided. */
function forked(kind: string, branch: string, value: unknown): unknown {
  return kind === "condition" ? decide(branch === "true", value) : route(branch, value);
}

/** Gives a node another function, which is called once and at once. */
function replace(dag: Dag<any, any, any>, name: string, fn: () => unknown): void {
  dag.replaceNode(name, standIn(fn));
  dag.configureNode(name, { retry: 0, delay: 0 });
}

function throwing(error: Error): () => never {
  return () => {
    throw error;
  };
}

function noResult(word: string, name: string, runId: string): MissingResultError {
  const message = `The ${word} "${name}" has no result in the recorded run ${show(runId)}, or not another one. List it in "rerun", or record a run in which it completes.`;
  return new MissingResultError(message, [name]);
}

function rerunFsm(
  fsm: Fsm<any, any, any>,
  { runId, cycles }: RunRecord,
  rerun: readonly string[],
  options: object,
): Promise<unknown> {
  for (const { name } of fsm.members.values()) {
    if (rerun.includes(name)) continue;
    const visits = cycles.flatMap((cycle, i) => (cycle.state === name && cycle.output !== undefined ? [i] : []));
    const again = () => {
      const visit = visits.shift();
      if (visit === undefined) throw noResult("state", name, runId);
      return leadOn(cycles[visit], cycles.at(visit + 1));
    };
    fsm.replaceState(name, standIn(again));
  }
  return fsm.run(options);
}

/** What a state has returned, as far as its record shows. */
function leadOn({ output }: RecordedCycle, following: RecordedCycle | undefined): unknown {
  if (following === undefined) return stop(output?.value);
  return next(following.state, following.input === undefined ? output?.value : following.input.value);
}
