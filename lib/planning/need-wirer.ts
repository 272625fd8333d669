import type { ValidationIssue } from "../base/errors.js";
import { suggestion } from "../base/nearest.js";
import type { ChildWorkflow, DefinedDag } from "../definition/defined.js";
import { needText, type Need } from "../definition/specs/need.js";
import { isFork, type NodeSpec } from "../definition/specs/node-spec.js";
import { Edge, type AnyNeed, type Binding } from "./plan.js";
import { findProducer, producersIn } from "./streams.js";
import { missingIn } from "./workflow-nodes.js";

/**
 * Wires the needs of nodes: each becomes an edge of the graph, and the code of the value that it passes. Collects the
 * edges and bindings in the order in which they are found, and all problems as issues.
 */
export abstract class NeedWirer {
  abstract readonly specs: readonly NodeSpec[];
  readonly indexOf = new Map<string, number>();
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly flags: number[] = [];
  readonly labels = new Map<number, string>();
  readonly streamPaths = new Map<number, string>();
  readonly bindings: Binding[] = [{ type: "context" }, { type: "undefined" }];
  readonly anyNeeds = new Map<number, AnyNeed[]>();
  readonly issues: ValidationIssue[] = [];
  readonly workflows = new Map<string, ChildWorkflow>();

  constructor(protected readonly definition: DefinedDag) {}

  /** Adds the edge of a need, and returns the code of its value; undefined (and an issue) if there is no such node. */
  protected bindNeed(i: number, need: Need): number | undefined {
    const source = this.source(i, need);
    if (source === undefined) return undefined;
    const { output, optional } = need;
    if (need.stream === true) return this.bindStream(i, source, need);
    const workflow = this.enteredBy(i, source, need);
    const isBranch = output !== undefined && (workflow !== undefined || isFork(this.specs[source]));
    const anyNeeds = this.anyNeeds.get(i);
    this.edge(source, i, (isBranch ? Edge.branch : 0) | (optional && anyNeeds === undefined ? Edge.soft : 0), output);
    const isRequired = !optional && anyNeeds === undefined;
    let code = source;
    if (workflow !== undefined) code = this.binding({ type: "inner", source, path: output as string });
    else if (output !== undefined && !isBranch) code = this.binding({ type: "output", source, output });
    else if (output !== undefined && !isRequired) code = this.binding({ type: "branch", source, branch: output });
    anyNeeds?.push({ source, branch: isBranch ? output : undefined, text: needText(need), code });
    return code;
  }

  /**
   * The workflow that a need takes a result of inside; undefined if there is none. Reports a result that it lacks. What
   * is needed of a map is a property of its result.
   */
  protected enteredBy(i: number, source: number, need: Need): ChildWorkflow | undefined {
    const isInside = need.output !== undefined && this.specs[source].map === undefined;
    const workflow = isInside ? this.workflows.get(need.node) : undefined;
    const missing = workflow && missingIn(workflow, need.output as string);
    if (missing !== undefined) {
      this.issue("UNKNOWN_NODE", `Node "${this.specs[i].name}" needs "${needText(need)}", but ${missing}`, i);
    }
    if (workflow !== undefined && this.specs[source].options.cache !== undefined) {
      const problem = `node "${need.node}" is cached, and a cached result has no nodes inside`;
      const advice = `Need "${need.node}", or cache the nodes of workflow "${workflow.name}" instead.`;
      this.issue(
        "INVALID_NODE",
        `Node "${this.specs[i].name}" needs "${needText(need)}", but ${problem}. ${advice}`,
        i,
      );
    }
    return workflow;
  }

  private bindStream(i: number, source: number, { node, output, optional }: Need): number {
    const spec = this.specs[source];
    const found = findProducer(spec, output, this.workflows.get(node));
    if ("problem" in found) {
      const others = spec.subworkflow === undefined ? producersIn(this.definition) : "";
      const message = `Node "${this.specs[i].name}" streams "${needText({ node, output })}", but ${found.problem}${others}`;
      this.issue("NO_STREAM", `${message} Generators, maps and machines produce items.`, i);
    }
    const path = "path" in found ? found.path : "";
    this.streamPaths.set(this.from.length, path);
    this.anyNeeds.get(i)?.push({ source, branch: undefined, text: node, code: source });
    this.edge(source, i, Edge.stream | (optional ? Edge.soft : 0), output);
    return this.binding({ type: "stream", source, path, output });
  }

  protected order(i: number, need: Need): void {
    const source = this.source(i, need);
    if (source !== undefined) this.edge(source, i, Edge.soft | Edge.order, need.output);
  }

  protected source(i: number, need: Need): number | undefined {
    const source = this.indexOf.get(need.node);
    const spec = this.specs[i];
    if (source === undefined) {
      const hint = suggestion(need.node, this.indexOf.keys()) || " Define that node, or correct the name.";
      this.issue(
        "UNKNOWN_NODE",
        `Node "${spec.name}" needs "${needText(need)}", but there is no node "${need.node}".${hint}`,
        i,
      );
    } else if (this.specs[source].kind === "condition" && !["true", "false", undefined].includes(need.output)) {
      this.issue(
        "UNKNOWN_BRANCH",
        `Node "${spec.name}" needs "${needText(need)}", but condition "${need.node}" has only the branches "true" and "false".`,
        i,
      );
    }
    return source;
  }

  protected edge(from: number, to: number, flags: number, label: string | undefined): void {
    if (label !== undefined) this.labels.set(this.from.length, label);
    this.from.push(from);
    this.to.push(to);
    this.flags.push(flags);
  }

  protected binding(binding: Binding): number {
    return ~(this.bindings.push(binding) - 1);
  }

  protected issue(code: string, message: string, node: number): void {
    this.issues.push({ severity: "error", code, message, nodes: [this.specs[node].name] });
  }
}
