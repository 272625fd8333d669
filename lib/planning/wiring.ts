import type { ValidationIssue } from "../base/errors.js";
import { ownValue } from "../base/objects.js";
import { withoutGuessedContext } from "../definition/specs/context-param.js";
import type { ChildWorkflow, DefinedDag } from "../definition/defined.js";
import { needText, toNeed, type Need } from "../definition/specs/need.js";
import type { Class } from "../base/class-state.js";
import { collects, isChoice, isFork, type NodeSpec } from "../definition/specs/node-spec.js";
import { typesOf } from "../definition/typings/node-types.js";
import { originalNames } from "../definition/specs/original-names.js";
import { innerInputs, type InnerInput, type InnerInputs } from "./inner-schemas.js";
import { NeedWirer } from "./need-wirer.js";
import { Edge, type AnyNeed, type Binding, type ChoiceCondition, type RunInput } from "./plan.js";
import { TypeIndex } from "./type-index.js";
import { nestingIssue, withWorkflowInputs, workflowIssues, workflowOf } from "./workflow-nodes.js";

/** The sources of all arguments, and the edges of the graph in the order in which they were found. */
export interface Wiring {
  readonly specs: readonly NodeSpec[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly from: number[];
  readonly to: number[];
  readonly flags: number[];
  readonly labels: ReadonlyMap<number, string>;
  /** By edge of a stream: where its items come from inside the source, see `findProducer`. */
  readonly streamPaths: ReadonlyMap<number, string>;
  /** The workflows that are nodes, by name. */
  readonly workflows: ReadonlyMap<string, ChildWorkflow>;
  readonly argStart: readonly number[];
  readonly args: readonly number[];
  readonly bindings: readonly Binding[];
  readonly anyNeeds: ReadonlyMap<number, readonly AnyNeed[]>;
  /** By `when`. */
  readonly conditions: ReadonlyMap<number, ChoiceCondition>;
  /** The branches that the edges into choices belong to; -1 for a condition. */
  readonly choiceEdges: ReadonlyMap<number, number>;
  readonly inputs: readonly RunInput[];
  readonly inner: InnerInputs;
  readonly issues: readonly ValidationIssue[];
}

/**
 * Binds each parameter to the first of these that applies: an explicit need or connection; the node with its name (or
 * class); the run input with its name; its default value. Pure. Reports all problems as issues. Cost: O(nodes + edges).
 * @param given - the names of run inputs that decide ambiguous parameters: those that a compiler may have renamed, and
 *   those that were taken for the context
 * @param way - see {@link planDag}
 */
export function wire(definition: DefinedDag, given: ReadonlySet<string>, way: readonly string[] | undefined): Wiring {
  return new Wirer(definition, given, way).run();
}

const CONTEXT = 0;
const UNDEFINED = 1;

/** Specs whose guessed context is an input after all, by the original spec. Reused, since caches are kept by spec. */
const withInputs = new WeakMap<NodeSpec, NodeSpec>();

/** An explicit source of an input. */
interface Explicit {
  readonly need: Need;
  readonly key: string | undefined;
}

/** Finds the sources of all parameters. */
class Wirer extends NeedWirer implements Wiring {
  readonly specs: readonly NodeSpec[];
  readonly argStart: number[] = [0];
  readonly args: number[] = [];
  readonly conditions = new Map<number, ChoiceCondition>();
  readonly choiceEdges = new Map<number, number>();
  readonly inputs: { name: string; required: number[] }[] = [];
  readonly inner = new Map<number, readonly InnerInput[]>();
  private readonly inputCodes = new Map<string, number>();
  private readonly types: TypeIndex | undefined;

  constructor(
    definition: DefinedDag,
    private readonly given: ReadonlySet<string>,
    way: readonly string[] | undefined,
  ) {
    super(definition);
    if (way !== undefined) this.issues.push(nestingIssue(definition, way));
    const resolve = (spec: NodeSpec) => {
      if (spec.subworkflow === undefined) return this.resolved(spec);
      return way === undefined ? this.withInputs(spec) : spec;
    };
    this.specs = Array.from(definition.nodes.values(), resolve);
    for (let i = 0; i < this.specs.length; i++) this.indexOf.set(this.specs[i].name, i);
    this.types = definition.wiring === "type" ? new TypeIndex(this.specs) : undefined;
  }

  run(): Wiring {
    for (let i = 0; i < this.specs.length; i++) {
      this.wireNode(i);
      this.argStart.push(this.args.length);
    }
    return this;
  }

  /** Turns a parameter that was taken for the context into an input if its name is known. */
  private resolved(spec: NodeSpec): NodeSpec {
    const { contextName } = spec.signature;
    if (contextName === undefined || !this.isKnown(contextName, spec)) return spec;
    let resolved = withInputs.get(spec);
    if (resolved === undefined) {
      resolved = Object.freeze({ ...spec, signature: withoutGuessedContext(spec.signature) });
      withInputs.set(spec, resolved);
    }
    return resolved;
  }

  /** Gives a workflow the inputs of its runs as parameters, and reports its errors. */
  private withInputs(spec: NodeSpec): NodeSpec {
    const report = (issue: ValidationIssue) => this.issues.push(issue);
    const workflow = workflowOf(spec, `Node "${spec.name}"`, report);
    if (workflow === undefined) return spec;
    this.workflows.set(spec.name, workflow);
    const connections = this.definition.connectionsOf(spec.name);
    this.issues.push(...workflowIssues(spec, workflow, `Node "${spec.name}"`, connections));
    return withWorkflowInputs(spec, workflow);
  }

  /** Whether there is a node or a run input of this name. */
  private isKnown(name: string, { name: self }: NodeSpec): boolean {
    const { nodes, wiring } = this.definition;
    return this.given.has(name) || (wiring === "name" && name !== self && nodes.has(name));
  }

  private wireNode(i: number): void {
    const spec = this.specs[i];
    const { inputs, contextAt, extra } = spec.signature;
    const connections = this.definition.connectionsOf(spec.name);
    if (spec.kind === "any") this.anyNeeds.set(i, []);
    if (isChoice(spec.kind)) this.wireChoice(i);
    else if (collects(spec.kind, spec.signature)) {
      this.collect(i, [
        ...spec.needs.map((need) => ({ need, key: undefined })),
        ...connections.map((need) => ({ need, key: need.key })),
      ]);
    } else {
      if (spec.event !== undefined && inputs.length === 0) this.args.push(this.binding({ type: "event" }));
      let position = 0;
      for (let k = 0; k < inputs.length; k++, position++) {
        if (position === contextAt) {
          this.args.push(~CONTEXT);
          position++;
        }
        this.args.push(this.bindInput(i, k));
      }
      if (contextAt >= position) this.args.push(~CONTEXT);
      for (let k = inputs.length - payloads(spec); k < spec.needs.length; k++)
        this.args.push(this.bindNeed(i, spec.needs[k]) ?? ~UNDEFINED);
    }
    if (spec.subworkflow !== undefined) this.checkInside(i);
    if (extra) this.args.push(~CONTEXT);
    for (const need of spec.after) this.order(i, need);
    if (spec.kind === "any" && this.anyNeeds.get(i)?.length === 0) {
      this.issue("MISSING_NEED", `The any-node "${spec.name}" has no needs to wait for. Give it needs.`, i);
    }
  }

  /** Notes the schemas of a workflow for inputs of the run. The first one of a map is a list of such values. */
  private checkInside(i: number): void {
    const { name, signature, map } = this.specs[i];
    const schemas = this.workflows.get(name)?.planned.surface.schemas;
    const names = signature.inputs.flatMap(({ name: input = "" }, k) => {
      const code = this.args[this.argStart[i] + k];
      const isOfRun = code < 0 && this.bindings[~code].type === "input";
      return isOfRun && (k > 0 || map === undefined) ? input : [];
    });
    const inputs = innerInputs(schemas, names);
    if (inputs !== undefined) this.inner.set(i, inputs);
  }

  /** Binds the only input of an `all` or `any` to all of its sources. */
  private collect(i: number, explicit: readonly Explicit[]): void {
    const { kind, signature } = this.specs[i];
    if (signature.contextAt === 0) this.args.push(~CONTEXT);
    if (explicit.length === 0) this.args.push(this.bindInput(i, 0));
    else if (kind === "all" && (explicit.length > 1 || explicit[0].key !== undefined))
      this.args.push(this.bindRecord(i, explicit));
    else {
      const codes = explicit.map(({ need }) => this.bindNeed(i, need) ?? ~UNDEFINED);
      this.args.push(kind === "any" ? this.binding({ type: "winner" }) : codes[0]);
    }
    if (signature.contextAt > 0) this.args.push(~CONTEXT);
  }

  /** Binds the input of a choice to the branch that it will take. */
  private wireChoice(i: number): void {
    const { kind, needs } = this.specs[i];
    this.anyNeeds.set(i, []);
    if (kind === "when") this.bindCondition(i, needs[0]);
    const branches = kind === "when" ? needs.slice(1) : needs;
    for (const [branch, need] of branches.entries()) {
      if (this.bindNeed(i, need) !== undefined) this.choiceEdges.set(this.from.length - 1, branch);
    }
    this.args.push(this.binding({ type: "winner" }));
  }

  private bindCondition(i: number, need: Need): void {
    const source = this.source(i, need);
    if (source === undefined) return;
    const { output } = need;
    const isForked = isFork(this.specs[source]);
    const branch = isForked ? (output ?? (this.specs[source].kind === "condition" ? "true" : undefined)) : undefined;
    const workflow = this.enteredBy(i, source, need);
    const isBranch = output !== undefined && (isForked || workflow !== undefined);
    this.choiceEdges.set(this.from.length, -1);
    this.edge(source, i, isBranch ? Edge.branch | Edge.soft : 0, output);
    let code = source;
    if (workflow !== undefined) code = this.binding({ type: "inner", source, path: output as string });
    else if (output !== undefined && !isForked) code = this.binding({ type: "output", source, output });
    this.conditions.set(i, { source, code, branch, text: needText(need) });
  }

  private bindRecord(i: number, explicit: readonly Explicit[]): number {
    const uses = new Map<string, number>();
    for (const { need } of explicit) uses.set(need.node, (uses.get(need.node) ?? 0) + 1);
    const keys: string[] = [];
    const codes: number[] = [];
    for (const { need, key } of explicit) {
      keys.push(key ?? (uses.get(need.node) === 1 ? need.node : needText(need)));
      codes.push(this.bindNeed(i, need) ?? ~UNDEFINED);
    }
    const seen = new Set<string>();
    const duplicate = keys.find((key) => seen.size === seen.add(key).size);
    if (duplicate !== undefined) {
      this.issue(
        "DUPLICATE_SOURCE",
        `Node "${this.specs[i].name}" takes "${duplicate}" from two sources. Remove one.`,
        i,
      );
    }
    return this.binding({ type: "record", keys, codes });
  }

  private bindInput(i: number, k: number): number {
    const spec = this.specs[i];
    if (k < payloads(spec)) return this.binding({ type: "event" });
    const { optional } = spec.signature.inputs[k];
    const name = this.nameOf(spec, k);
    const position = k - payloads(spec);
    const explicit: Need[] = position < spec.needs.length ? [spec.needs[position]] : [];
    const mapped = name === undefined ? undefined : ownValue(spec.subworkflow?.options.inputs, name);
    if (mapped !== undefined) explicit.push(toNeed(mapped, spec.name));
    for (const connection of this.definition.connectionsOf(spec.name)) {
      if (connection.input === k) explicit.push(connection);
    }
    if (explicit.length > 1) {
      const sources = explicit.map((need) => `"${needText(need)}"`).join(" and ");
      this.issue(
        "DUPLICATE_SOURCE",
        `Parameter "${name ?? k}" of node "${spec.name}" has two sources: ${sources}. Remove all but one.`,
        i,
      );
    }
    if (explicit.length > 0) {
      if (k > 0 && spec.map !== undefined && explicit[0].stream === true) {
        const message = `Map "${spec.name}" streams "${needText(explicit[0])}" beside its items. Only its first need can be a stream.`;
        this.issue("INVALID_NODE", message, i);
      }
      return this.bindNeed(i, explicit[0]) ?? ~UNDEFINED;
    }
    const wired = this.bindAutomatically(i, k, name);
    if (wired !== undefined) return wired;
    if (name !== undefined) return this.bindRunInput(i, { name, optional });
    if (!optional) {
      this.issue(
        "INVALID_NODE",
        `Parameter ${k + 1} of node "${spec.name}" is destructured, so it has no name to find its value by. ` +
          `Give it a need, or a name with { params: [...] }.`,
        i,
      );
    }
    return ~UNDEFINED;
  }

  /** The name of an input in the source, if it is known. */
  private nameOf(spec: NodeSpec, k: number): string | undefined {
    const { inputs, numbered } = spec.signature;
    if (numbered === undefined) return inputs[k].name;
    return originalNames(numbered, (name) => this.isKnown(name, spec))[k];
  }

  private bindAutomatically(i: number, k: number, name: string | undefined): number | undefined {
    if (this.types !== undefined) return this.bindByType(i, k, this.types);
    if (this.definition.wiring === "explicit" || name === undefined) return undefined;
    const source = this.indexOf.get(name);
    if (source === undefined || source === i) return undefined;
    return this.bindNeed(i, { node: name, output: undefined, optional: false });
  }

  private bindByType(i: number, k: number, types: TypeIndex): number | undefined {
    const spec = this.specs[i];
    const type = typesOf(spec).types?.[k];
    if (type === undefined) return undefined;
    const many = Array.isArray(type);
    const wanted = (many ? type[0] : type) as Class;
    const candidates = types.returning(wanted).filter((source) => source !== i);
    if (candidates.length === 0) return undefined;
    const needs = candidates.map((source) => ({ node: this.specs[source].name, output: undefined, optional: false }));
    if (many) {
      return this.binding({ type: "list", codes: needs.map((need) => this.bindNeed(i, need) ?? ~UNDEFINED) });
    }
    if (candidates.length > 1) {
      const names = needs.map(({ node }) => `"${node}"`).join(", ");
      this.issue(
        "AMBIGUOUS_TYPE",
        `Parameter ${k + 1} of node "${spec.name}" takes a ${wanted.name}, which several nodes return: ${names}. ` +
          `Name the one you mean in "needs", or collect all with types: [[${wanted.name}]].`,
        i,
      );
    }
    return this.bindNeed(i, needs[0]);
  }

  private bindRunInput(i: number, { name, optional }: { name: string; optional: boolean }): number {
    let code = this.inputCodes.get(name);
    if (code === undefined) {
      code = this.binding({ type: "input", input: this.inputs.length });
      this.inputCodes.set(name, code);
      this.inputs.push({ name, required: [] });
    }
    const binding = this.bindings[~code] as Extract<Binding, { type: "input" }>;
    if (!optional) this.inputs[binding.input].required.push(i);
    return code;
  }
}

/** How many parameters take a payload: the first of an event node, if it has any. */
function payloads({ event, signature }: NodeSpec): number {
  return event === undefined ? 0 : Math.min(1, signature.inputs.length);
}
