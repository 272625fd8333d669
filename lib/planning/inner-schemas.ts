import type { ValidationIssue } from "../base/errors.js";
import { shortPath } from "../base/message.js";
import {
  check,
  jsonSchemaOf,
  pathText,
  problemText,
  type Checked,
  type SchemaProblem,
} from "../base/standard-schema.js";
import type { MemberWord, SchemaTree, ToldSchema } from "../definition/defined.js";
import type { DeclaredInputs } from "../definition/specs/input-schemas.js";
import type { NodeSpec } from "../definition/specs/node-spec.js";

type Schema = NonNullable<SchemaTree["schema"]>;

/** An input of a workflow in a node that takes the input of the same name of the outer run, as it is. */
export interface InnerInput {
  readonly name: string;
  readonly tree: SchemaTree;
}

/** The inputs of workflows inside that have schemas and take inputs of the run as they are, by node. */
export type InnerInputs = ReadonlyMap<number, readonly InnerInput[]>;

/** A plan, as checks of inputs see it. */
export interface InnerPlan {
  readonly specs: readonly NodeSpec[];
  readonly inner: InnerInputs | undefined;
}

/** What schemas have made of an input of a run: by schema, and by what it was given. */
export type InnerResults = ReadonlyMap<Schema, ReadonlyMap<unknown, Checked>>;

/** What the schemas inside of a run have made of its inputs, before the run began; by input. */
export type InnerChecks = ReadonlyMap<string, InnerResults>;

/** How inputs are checked. */
export interface InnerCheckOptions {
  readonly word: MemberWord;
  /** Whether the run executes a node. */
  readonly runs: (node: number) => boolean;
  /** Whether promises are errors. */
  readonly sync: boolean;
  /** The checks of the outer run. */
  readonly earlier?: InnerChecks | undefined;
  /** The inputs whose values are not known yet, which are not checked. */
  readonly unknown?: ReadonlySet<string> | undefined;
}

/** What the schemas inside have made, and refused. */
export interface CheckedInside {
  readonly checks: InnerChecks;
  readonly issues: readonly ValidationIssue[];
}

/** What a schema has made of an input before; undefined if it has not. */
export function madeBefore(
  checks: InnerChecks | undefined,
  name: string,
  schema: Schema,
  value: unknown,
): Checked | undefined {
  return checks?.get(name)?.get(schema)?.get(value);
}

/**
 * The part of the checks of a run that is for the workflow in one of its nodes; undefined if that has to check all of
 * its inputs itself.
 */
export function checksFor(inner: InnerInputs | undefined, node: number, checks: InnerChecks): InnerChecks | undefined {
  const inputs = inner?.get(node);
  if (inputs === undefined) return undefined;
  const found = new Map<string, InnerResults>();
  for (const { name } of inputs) {
    const results = checks.get(name);
    if (results !== undefined) found.set(name, results);
  }
  return found;
}

/** The inputs of a node's workflow that have schemas, of those names; undefined if there are none. */
export function innerInputs(
  schemas: ReadonlyMap<string, SchemaTree> | undefined,
  names: Iterable<string>,
): readonly InnerInput[] | undefined {
  if (schemas === undefined) return undefined;
  const found = Array.from(names).flatMap((name) => {
    const tree = schemas.get(name);
    return tree === undefined ? [] : { name, tree };
  });
  return found.length === 0 ? undefined : found;
}

/** The schemas of a workflow's inputs, its own and those inside; undefined if there are none. */
export function schemaTrees(
  { specs, inner }: InnerPlan,
  declared: DeclaredInputs | undefined,
): ReadonlyMap<string, SchemaTree> | undefined {
  if (declared === undefined && inner === undefined) return undefined;
  const insides = new Map<string, { node: string; tree: SchemaTree }[]>();
  for (const name of declared?.keys() ?? []) insides.set(name, []);
  for (const [node, inputs] of inner ?? []) {
    for (const { name, tree } of inputs) {
      let inside = insides.get(name);
      if (inside === undefined) insides.set(name, (inside = []));
      inside.push({ node: specs[node].name, tree });
    }
  }
  const trees = Array.from(insides, ([name, inside]): [string, SchemaTree] => {
    const schema = declared?.get(name);
    const told = schema === undefined ? toldInside(inside.map(({ tree }) => tree.told)) : toldOf(schema);
    return [name, { schema, inside, told }];
  });
  return new Map(trees);
}

function toldOf(schema: Schema): ToldSchema {
  const absent = check(schema, undefined);
  const made = absent instanceof Promise || !("value" in absent) ? undefined : absent;
  return { hasDefault: made !== undefined, default: made?.value, schema: jsonSchemaOf(schema) };
}

/** What schemas have in common that each get the same input. */
function toldInside(all: readonly ToldSchema[]): ToldSchema {
  const distinct = Array.from(new Set(all));
  if (distinct.length === 1) return distinct[0];
  const [first] = distinct;
  const hasDefault = distinct.every((told) => told.hasDefault && Object.is(told.default, first.default));
  const schemas = Array.from(new Set(distinct.map(({ schema }) => schema))).filter((schema) => schema !== undefined);
  return {
    hasDefault,
    default: hasDefault ? first.default : undefined,
    schema: schemas.length > 1 ? { allOf: schemas } : schemas[0],
  };
}

/** A place inside, as a list from its end. */
interface Way {
  readonly node: string;
  readonly up: Way | undefined;
}

/** An input of a workflow inside, and what it is given. */
interface Step {
  readonly name: string;
  readonly tree: SchemaTree;
  readonly value: unknown;
  readonly way: Way;
}

/**
 * Checks inputs of a run against the schemas inside, each value once by each schema. A promise only if a schema returns
 * one; it never rejects. Cost: O(different workflows inside), however often and how deep they are used.
 * @param values - the inputs, as the schemas of the run's own workflow have made them
 * @param refused - the inputs that these have refused
 * @throws {TypeError} for a schema that returns a promise, if `sync`
 */
export function checkInside(
  { specs, inner }: InnerPlan,
  values: Readonly<Record<string, unknown>>,
  refused: ReadonlySet<unknown>,
  { word, runs, earlier, unknown, sync }: InnerCheckOptions,
): CheckedInside | Promise<CheckedInside> {
  const steps: Step[] = [];
  for (const [node, inputs] of inner ?? []) {
    if (!runs(node)) continue;
    for (const { name, tree } of inputs) {
      if (
        refused.has(name) ||
        unknown?.has(name) === true ||
        earlier?.has(name) === true ||
        !Object.hasOwn(values, name)
      )
        continue;
      steps.push({ name, tree, value: values[name], way: { node: specs[node].name, up: undefined } });
    }
  }
  return new InsideChecker(word, earlier, sync).check(steps);
}

class InsideChecker implements CheckedInside {
  readonly checks: Map<string, InnerResults>;
  readonly issues: ValidationIssue[] = [];
  /** The values that have gone into each input. */
  private readonly seen = new Map<SchemaTree, Set<unknown>>();
  private readonly results = new Map<string, Map<Schema, Map<unknown, Checked>>>();
  private readonly pending = new Map<Schema, Map<unknown, Promise<Checked>>>();

  constructor(
    private readonly word: string,
    earlier: InnerChecks | undefined,
    private readonly sync: boolean,
  ) {
    this.checks = new Map(earlier);
  }

  check(steps: readonly Step[]): CheckedInside | Promise<CheckedInside> {
    const stack = steps.slice().reverse();
    const waiting: Promise<readonly Step[]>[] = [];
    for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
      if (!this.isNew(step)) continue;
      const { schema } = step.tree;
      const checked = schema === undefined ? undefined : this.checked(step, schema);
      if (checked instanceof Promise) waiting.push(this.later(step, schema as Schema, checked));
      else for (const next of this.after(step, checked).reverse()) stack.push(next);
    }
    if (waiting.length === 0) return this;
    return Promise.all(waiting).then((all) => this.check(all.flat()));
  }

  private isNew({ tree, value }: Step): boolean {
    let values = this.seen.get(tree);
    if (values === undefined) this.seen.set(tree, (values = new Set()));
    return values.size < values.add(value).size;
  }

  private checked(step: Step, schema: Schema): Checked | Promise<Checked> {
    const { name, value } = step;
    const known = this.results.get(name)?.get(schema)?.get(value) ?? this.pending.get(schema)?.get(value);
    if (known !== undefined) return known;
    const checked = check(schema, value);
    if (!(checked instanceof Promise)) return this.keep(step, schema, checked);
    if (this.sync) {
      const message = `The schema of input "${pathTo(step)}" returned a promise, which runSync can't wait for. Use run instead.`;
      throw new TypeError(message);
    }
    ensure(this.pending, schema).set(value, checked);
    return checked;
  }

  private async later(step: Step, schema: Schema, checking: Promise<Checked>): Promise<readonly Step[]> {
    return this.after(step, this.keep(step, schema, await checking));
  }

  private keep({ name, value }: Step, schema: Schema, checked: Checked): Checked {
    let results = this.results.get(name);
    if (results === undefined) {
      this.results.set(name, (results = new Map()));
      this.checks.set(name, results);
    }
    ensure(results, schema).set(value, checked);
    return checked;
  }

  /** Where what a schema has made goes next; without a schema, what was given. */
  private after(step: Step, checked: Checked | undefined): Step[] {
    const { name, tree, way } = step;
    if (checked !== undefined && !("value" in checked)) {
      for (const problem of checked.problems) this.issues.push(this.issueOf(step, problem));
      return [];
    }
    const value = checked === undefined ? step.value : checked.value;
    return tree.inside.map((inside) => ({ name, tree: inside.tree, value, way: { node: inside.node, up: way } }));
  }

  private issueOf(step: Step, problem: SchemaProblem): ValidationIssue {
    const { name } = step;
    const path = [name, ...problem.path];
    const node = outermost(step.way);
    const taker = `of ${this.word} "${node}" (${pathTo(step)})`;
    const message = `Input "${shortPath(pathText(path))}" ${taker} is invalid: ${problemText(problem)}`;
    return { severity: "error", code: "INVALID_INPUT", message, nodes: [node], path };
  }
}

function ensure<T>(map: Map<Schema, Map<unknown, T>>, schema: Schema): Map<unknown, T> {
  let found = map.get(schema);
  if (found === undefined) map.set(schema, (found = new Map()));
  return found;
}

function outermost(way: Way): string {
  let at = way;
  while (at.up !== undefined) at = at.up;
  return at.node;
}

/** `check.verify.order` */
function pathTo({ name, way }: Step): string {
  const parts = [name];
  for (let at: Way | undefined = way; at !== undefined; at = at.up) parts.push(at.node);
  return shortPath(parts.reverse().join("."));
}
