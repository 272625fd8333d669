import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { Dag, Fsm, stop, ValidationError } from "dagwright";

/** All public members of `Dag` and `Fsm`, and why each is where it is: a word, or the counterpart in the other kind. */
const MEMBERS: readonly (readonly [member: string, kind: "both" | "dag only" | "fsm only", why: string])[] = [
  ["static from", "both", "definition"],
  ["name", "both", "identity"],
  ["description", "both", "identity"],
  ["metadata", "both", "identity"],
  ["options", "both", "identity"],
  ["revision", "both", "identity"],
  ["size", "both", "identity"],
  ["[Symbol.iterator]", "both", "identity"],
  ["toString", "both", "identity"],
  ["[nodejs.util.inspect.custom]", "both", "identity"],
  ["toJSON", "both", "identity"],
  ["toYAML", "both", "identity"],
  ["static fromJSON", "both", "definition"],
  ["static fromYAML", "both", "definition"],
  ["clone", "both", "definition"],

  ["nodes", "dag only", "states"],
  ["states", "fsm only", "nodes"],
  ["node", "dag only", "state"],
  ["state", "fsm only", "node"],
  ["condition", "dag only", "branching"],
  ["select", "dag only", "branching"],
  ["when", "dag only", "branching"],
  ["guard", "dag only", "branching"],
  ["coalesce", "dag only", "branching"],
  ["switch", "dag only", "branching"],
  ["all", "dag only", "needs"],
  ["any", "dag only", "needs"],
  ["cachedNode", "dag only", "state"],
  ["map", "dag only", "needs"],
  ["event", "dag only", "waitForEvent"],
  ["getNode", "dag only", "getState"],
  ["getState", "fsm only", "getNode"],
  ["removeNode", "dag only", "removeState"],
  ["removeState", "fsm only", "removeNode"],
  ["configureNode", "dag only", "configureState"],
  ["configureState", "fsm only", "configureNode"],
  ["replaceNode", "dag only", "replaceState"],
  ["replaceState", "fsm only", "replaceNode"],
  ["connect", "dag only", "addTransition"],
  ["addTransition", "fsm only", "connect"],
  ["disconnect", "dag only", "removeTransition"],
  ["removeTransition", "fsm only", "disconnect"],
  ["chain", "dag only", "fans"],
  ["connectionsOf", "dag only", "transitions"],
  ["transitions", "fsm only", "connectionsOf"],
  ["wiring", "dag only", "needs"],
  ["origin", "dag only", "threads"],

  ["edges", "both", "structure"],
  ["graph", "both", "structure"],
  ["inputs", "both", "structure"],
  ["declaredInputs", "both", "structure"],
  ["executionOrder", "dag only", "acyclic"],
  ["levels", "dag only", "acyclic"],
  ["entryPoints", "dag only", "initialState"],
  ["initialState", "fsm only", "entryPoints"],
  ["setInitialState", "fsm only", "initialState"],
  ["terminalStates", "fsm only", "termination"],
  ["addTerminalState", "fsm only", "termination"],
  ["errorState", "fsm only", "transitions"],
  ["isValid", "both", "validation"],
  ["validate", "both", "validation"],
  ["validateOrThrow", "both", "validation"],
  ["toMermaid", "both", "diagrams"],
  ["toDot", "both", "diagrams"],
  ["toXState", "fsm only", "statecharts"],

  ["nodeHooks", "both", "hooks"],
  ["setNodeHooks", "both", "hooks"],
  ["defaultHooks", "both", "hooks"],
  ["setDefaultHooks", "both", "hooks"],
  ["addStateHook", "fsm only", "transitions"],

  ["kind", "both", "nesting"],
  ["subworkflows", "both", "nesting"],
  ["members", "both", "nesting"],
  ["instance", "dag only", "backends"],
  ["planned", "both", "nesting"],
  ["createInside", "both", "nesting"],
  ["structures", "both", "services"],
  ["submission", "both", "services"],
  ["declaredEvents", "fsm only", "events"],
  ["drive", "both", "services"],
  ["sendTo", "both", "services"],
  ["submitReplay", "both", "services"],
  ["warnOfClassName", "both", "services"],
  ["continueInside", "both", "nesting"],
  ["restored", "both", "nesting"],

  ["run", "both", "running"],
  ["call", "both", "running"],
  ["runSync", "both", "running"],
  ["start", "both", "running"],
  ["step", "both", "running"],
  ["stream", "dag only", "many inputs"],
  ["live", "dag only", "dependents"],
  ["dryRun", "dag only", "acyclic"],
  ["runFrom", "dag only", "acyclic"],
  ["runUntil", "dag only", "acyclic"],
  ["runBetween", "dag only", "acyclic"],
  ["invalidateCache", "both", "caching"],

  ["resume", "both", "recording"],
  ["recover", "both", "recording"],
  ["attach", "both", "recording"],
  ["attachAll", "both", "recording"],
  ["replay", "dag only", "acyclic"],
  ["send", "both", "events"],

  ["lastRun", "both", "results"],
  ["get", "both", "results"],
  ["has", "both", "results"],
  ["results", "both", "results"],
  ["getCycle", "fsm only", "cycles"],
  ["getLatest", "fsm only", "cycles"],
  ["getHistory", "fsm only", "cycles"],
  ["cycleResults", "fsm only", "cycles"],
  ["cycleCount", "fsm only", "cycles"],
  ["stateHistory", "fsm only", "cycles"],
  ["currentState", "fsm only", "cycles"],
  ["finalState", "fsm only", "termination"],
  ["isTerminated", "fsm only", "termination"],
];

/** The public members of a workflow: those of its class, of its prototypes and of the instance itself. */
function publicMembers(workflow: object): string[] {
  const { constructor } = workflow;
  const statics = Object.getOwnPropertyNames(constructor).filter(
    (key) => !["length", "name", "prototype"].includes(key),
  );
  const members = new Set(statics.map((key) => `static ${key}`));
  const classes: string[] = [];
  for (let owner = workflow; owner !== Object.prototype; owner = Object.getPrototypeOf(owner) as object) {
    classes.push(owner.constructor.name);
    for (const key of Reflect.ownKeys(owner)) {
      members.add(typeof key === "symbol" ? `[${key.description}]` : key);
    }
  }
  const hidden = hiddenMembers(new Set(classes));
  return Array.from(members).filter((key) => key !== "constructor" && !hidden.has(key));
}

/** The members of classes in lib/ that are private or protected, which only the sources tell. */
function hiddenMembers(classes: ReadonlySet<string>): Set<string> {
  const hidden = new Set<string>();
  for (const folder of ["definition", "engine", "dag", "fsm"]) {
    const directory = new URL(`../../lib/${folder}/`, import.meta.url);
    for (const file of readdirSync(directory).filter((name) => name.endsWith(".ts"))) {
      const source = ts.createSourceFile(file, readFileSync(new URL(file, directory), "utf8"), ts.ScriptTarget.Latest);
      for (const { name, members } of source.statements.filter((node) => ts.isClassDeclaration(node))) {
        if (name === undefined || !classes.has(name.text)) continue;
        for (const member of members) if (isHidden(member)) hidden.add((member.name as ts.Identifier).text);
      }
    }
  }
  return hidden;
}

function isHidden(member: ts.ClassElement): boolean {
  const modifiers = ts.canHaveModifiers(member) ? (ts.getModifiers(member) ?? []) : [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword || kind === ts.SyntaxKind.ProtectedKeyword);
}

describe("The table of members", () => {
  it.each([
    ["dag", new Dag("d")],
    ["fsm", new Fsm("f")],
  ])("has all members of a %s, and no others", { tags: "slow" }, (kind, workflow) => {
    const listed = MEMBERS.filter(([, where]) => where === "both" || where === `${kind} only`);
    expect(publicMembers(workflow).sort()).toEqual(listed.map(([member]) => member).sort());
  });
});

describe("An unknown name", () => {
  const etl = () => {
    const dag = new Dag<any>("etl");
    dag.node("load", () => 1);
    dag.node("parse", (load: number) => load);
    return dag;
  };
  const order = () => {
    const fsm = new Fsm<any>("order");
    fsm.state("cart", { initial: true }, () => 1);
    fsm.state("paid", () => stop());
    return fsm.addTransition("cart", "paid");
  };
  const cases: readonly (readonly [
    method: string,
    dag: (dag: Dag<any>) => unknown,
    fsm: (fsm: Fsm<any>) => unknown,
  ])[] = [
    ["get", (dag) => dag.getNode("laod"), (fsm) => fsm.getState("piad")],
    ["remove", (dag) => dag.removeNode("laod"), (fsm) => fsm.removeState("piad")],
    ["configure", (dag) => dag.configureNode("laod", {}), (fsm) => fsm.configureState("piad", {})],
    ["disconnect from", (dag) => dag.disconnect("laod", "parse"), (fsm) => fsm.removeTransition("piad", "cart")],
    ["disconnect to", (dag) => dag.disconnect("parse", "laod"), (fsm) => fsm.removeTransition("cart", "piad")],
    ["setNodeHooks", (dag) => dag.setNodeHooks("laod", {}), (fsm) => fsm.setNodeHooks("piad", {})],
    ["invalidateCache", (dag) => dag.invalidateCache("laod"), (fsm) => fsm.invalidateCache("piad")],
  ];
  it.each(cases)("is refused with the nearest name: %s", (_, dag, fsm) => {
    const node = () => dag(etl());
    const state = () => fsm(order());
    expect(node).toThrow(ValidationError);
    expect(node).toThrow('Workflow "etl" has no node "laod". Did you mean "load"?');
    expect(state).toThrow(ValidationError);
    expect(state).toThrow('Workflow "order" has no state "piad". Did you mean "paid"?');
  });

  it("is refused with what to do when no name is near", () => {
    expect(() => etl().getNode("report")).toThrow(
      'Workflow "etl" has no node "report". Define it first, or correct the name.',
    );
    expect(() => order().getState("shipping")).toThrow(
      'Workflow "order" has no state "shipping". Define it first, or correct the name.',
    );
  });

  it("must be a string", () => {
    expect(() => etl().getNode(5 as never)).toThrow('"name of a node" must be a string');
    expect(() => order().getState(5 as never)).toThrow('"name of a state" must be a string');
    expect(() => order().removeTransition("cart", undefined as never)).toThrow('"name of a state" must be a string');
  });
});
