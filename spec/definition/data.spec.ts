import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import {
  Dag,
  Fsm,
  ValidationError,
  all,
  any,
  cachedNode,
  condition,
  decide,
  next,
  node,
  optional,
  state,
  stop,
  workflow,
} from "dagwright";
import { copied, problems } from "../support/data.js";

@workflow({ name: "orders", description: "nightly", metadata: { owner: ["ops"], odd: { "a b": null } } })
class Orders {
  scale = 2;
  @node({ retry: { retries: 2, delay: 5 }, priority: "high" }) load(limit: number) {
    return { rows: [limit, this.scale], more: true };
  }
  @cachedNode("load.rows", { ttl: 1000, key: "rows" }) total(rows: number[]) {
    return rows.reduce((a, b) => a + b);
  }
  @condition("total") isLarge(total: number) {
    return decide(total > 5, `${total}`);
  }
  @node("isLarge.true", { after: ["load"] }) large(text: string) {
    return `large ${text}`;
  }
  @node(optional("isLarge.false")) small(text?: string) {
    return `small ${text}`;
  }
  @any("large", "small") either(text: string) {
    return text;
  }
  @all("total", "either", { params: ["both"], metadata: { x: 1 } }) both(values: object) {
    return values;
  }
}

describe("A dag as data", () => {
  it("makes the same dag again, whose functions come from an object", async () => {
    const dag = Dag.from(Orders);
    const json = copied(dag);
    const again = Dag.fromJSON(json, { functions: new Orders() });
    expect(copied(again)).toEqual(json);
    expect([again.name, again.description, again.metadata]).toEqual([dag.name, dag.description, dag.metadata]);
    expect([again.edges, again.inputs, again.executionOrder]).toEqual([dag.edges, dag.inputs, dag.executionOrder]);
    for (const [name, { kind, needs, after, options }] of dag.nodes) {
      const spec = again.nodes.get(name);
      expect([spec?.kind, spec?.needs, spec?.after]).toEqual([kind, needs, after]);
      expect({ ...spec?.options, needs: undefined, after: undefined }).toEqual({
        ...options,
        needs: undefined,
        after: undefined,
      });
    }
    const inputs = { limit: 7 };
    const run = await again.run({ inputs });
    expect(run.results).toEqual((await dag.run({ inputs })).results);
    const total: number | undefined = run.get("total");
    expect(total).toBe(9);
    expect(Dag.fromJSON(JSON.stringify(json), { functions: new Orders() }).size).toBe(7);
  });

  it("reads well", () => {
    const dag = new Dag("etl", { autowire: false, runOptions: { mode: "async" } });
    dag.node("load", { timeout: 5 }, () => 1);
    dag.node("parse", (text: string, rest: string) => text + rest);
    dag.all("both", (values: object) => values);
    dag.connect("load", "parse", { input: "rest", output: "x" }).connect("load", "both", { input: "first" });
    expect(copied(dag)).toEqual({
      version: 1,
      kind: "dag",
      name: "etl",
      autowire: false,
      runOptions: { mode: "async" },
      nodes: [
        { name: "load", kind: "node", timeout: 5 },
        { name: "parse", kind: "node" },
        { name: "both", kind: "all" },
      ],
      connections: [
        { from: "load", output: "x", to: "parse", position: 1 },
        { from: "load", to: "both", key: "first" },
      ],
    });
    const functions = { load: () => 1, parse: (a: string, b: string) => a + b, both: (values: object) => values };
    const again = Dag.fromJSON(copied(dag), { functions });
    expect(again.edges).toEqual(dag.edges);
    expect(copied(again)).toEqual(copied(dag));
    expect(copied(Dag.fromYAML(dag.toYAML(), { functions }))).toEqual(copied(dag));
    expect(parse(dag.toYAML())).toEqual(copied(dag));
  });

  it("refers to what is no data by its path", async () => {
    const seen: string[] = [];
    const values = {
      "inputs.n": z.coerce.number(),
      "hooks.cleanup": () => void seen.push("shared"),
      "nodes.a.fallback": () => "fell",
      "nodes.a.retry.when": () => false,
      "nodes.a.hooks.cleanup": () => void seen.push("own"),
      "nodes.a.metadata.since": new Date(5),
      "nodes.a.metadata.list[1]": Infinity,
      "nodes.a.metadata.trick": { $value: "x" },
    };
    const dag = new Dag("refers", { inputs: { n: values["inputs.n"] } });
    const functions = {
      a: (n: unknown) => {
        if (n === 4) throw new Error("four");
        return n;
      },
    };
    const metadata = { since: new Date(5), list: [1, Infinity], trick: { $value: "x" } };
    const retry = { retries: 1, when: values["nodes.a.retry.when"] };
    dag.node("a", { fallback: values["nodes.a.fallback"], retry, metadata }, functions.a);
    dag.setDefaultHooks({ cleanup: values["hooks.cleanup"] });
    dag.setNodeHooks("a", { cleanup: values["nodes.a.hooks.cleanup"] });
    const json = copied(dag);
    const texts = JSON.stringify(json).match(/"\$value":"[^"]*"/gu) ?? [];
    expect(texts.sort()).toEqual(
      Object.keys(values)
        .map((path) => `"$value":"${path}"`)
        .sort(),
    );
    const again = Dag.fromJSON(json, { functions, values });
    expect(again.nodes.get("a")?.options.metadata).toEqual(metadata);
    expect((await again.run({ inputs: { n: "4" } })).value).toBe("fell");
    expect(seen).toEqual(["shared", "own"]);
    expect(copied(again)).toEqual(json);
    expect(problems(() => Dag.fromJSON(json, { functions })).map((line) => line.split(" ", 1)[0])).toEqual(
      Object.keys(values).map(() => "UNKNOWN_VALUE"),
    );
  });

  it("lists all that is unknown or invalid", () => {
    const json = {
      version: 2,
      kind: "fsm",
      name: "bad",
      autowires: true,
      nodes: [
        { name: "a", kind: "nod" },
        { name: "b", kind: "node", retrys: 1, retry: -1, needs: ["a", 5] },
        { name: "toString", kind: "node" },
        7,
      ],
      connections: [
        { from: "a", to: "z" },
        { from: "a", to: "b", position: 9 },
        { from: 1, to: "b", port: 1 },
      ],
    };
    const found = problems(() => Dag.fromJSON(json, { functions: { b: (x: number) => x } }));
    for (const part of [
      "UNKNOWN_VERSION Its version is 2, but this dagwright reads 1",
      'UNKNOWN_KIND Its kind is "fsm", but Dag reads "dag"',
      'UNKNOWN_FIELD There is no field "autowires". Did you mean "autowire"?',
      'UNKNOWN_KIND "nodes[0].kind" must be one of node, condition',
      'UNKNOWN_FUNCTION There is no function "a"',
      'UNKNOWN_FUNCTION There is no function "toString"',
      'UNKNOWN_FIELD There is no field "nodes[1].retrys". Did you mean "retry"?',
      'INVALID_FIELD A need of node "b" must be',
      '"retry" of node "b" must be',
      'INVALID_FIELD "nodes[3]" must be an object; received 7',
      'INVALID_FIELD "connections[0].to" names "z", which is no node',
      'UNKNOWN_FIELD There is no field "connections[2].port"',
      'INVALID_FIELD "connections[2].from" must be the name of a node; received 1',
    ]) {
      expect(
        found.some((line) => line.includes(part)),
        `${part} in\n${found.join("\n")}`,
      ).toBe(true);
    }
  });

  it.each<[string, unknown, RegExp]>([
    ["no object", 5, /is an object.*received 5/u],
    ["a list", [], /is an object/u],
    ["nothing", undefined, /is an object/u],
    ["no JSON", "{", /is not JSON/u],
    ["a bad option", { version: 1, kind: "dag", name: "x", autowire: 5, nodes: [] }, /"autowire" must be a boolean/u],
    [
      "two nodes of a name",
      { version: 1, kind: "dag", name: "x", nodes: [{ name: "a" }, { name: "a" }] },
      /is a second node "a"/u,
    ],
    ["a list of nodes that is none", { version: 1, kind: "dag", name: "x", nodes: 5 }, /"nodes" must be a list/u],
    ["no name", { version: 1, kind: "dag", nodes: [] }, /"name" must be/u],
    ["a name with a dot", { version: 1, kind: "dag", name: "x", nodes: [{ name: "a.b" }] }, /without a dot/u],
  ])("is refused when it is %s", (_, json, message) => {
    const functions = { a: () => 1, "a.b": () => 1 };
    expect(() => Dag.fromJSON(json, { functions })).toThrow(ValidationError);
    expect(() => Dag.fromJSON(json, { functions })).toThrow(message);
  });

  it("survives hostile names, values and depth", () => {
    const deep: unknown[] = [];
    let inner = deep;
    for (let i = 0; i < 10_000; i++) inner.push((inner = []));
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const metadata = { ...JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}'), deep, circle, proxy };
    const dag = new Dag("hostile", { metadata });
    for (const name of ["__proto__", "constructor", "a b", "$value"]) dag.node(name, () => name);
    const json = copied(dag);
    const functions = JSON.parse('{"__proto__": 1}') as Record<string, () => unknown>;
    for (const name of dag) Object.defineProperty(functions, name, { value: () => name, enumerable: true });
    const values = Object.fromEntries(
      (JSON.stringify(json).match(/(?<="\$value":")[^"]*/gu) ?? []).map((path) => [path, 0]),
    );
    const again = Dag.fromJSON(json, { functions, values });
    expect([...again]).toEqual([...dag]);
    expect(Object.keys(again.metadata)).toEqual(Object.keys(metadata));
    expect(problems(() => Dag.fromJSON({ ...json, metadata: { deep } }, { functions }))).toHaveLength(1);
  });

  it("keeps the wiring of a node whose function was replaced, by the names of its parameters", async () => {
    const dag = Dag.from(Orders).replaceNode("total", (list: number[], ctx: { nodeName: string }) => [
      ctx.nodeName,
      ...list,
    ]);
    const json = copied(dag);
    expect(json.nodes[1].params).toEqual(["rows", "ctx"]);
    const functions = Object.assign(new Orders(), { total: dag.nodes.get("total")?.fn });
    const again = Dag.fromJSON(json, { functions });
    expect(again.edges).toEqual(dag.edges);
    expect((await again.runUntil("total", { inputs: { limit: 1 } })).get("total")).toEqual(["total", 1, 2]);
  });

  it("is as fast as the dag is long", { tags: "slow" }, () => {
    const dag = new Dag("long");
    dag.node("n0", () => 0);
    for (let i = 1; i < 20_000; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (n: number) => n + 1);
    const functions = Object.fromEntries(Array.from(dag, (name) => [name, (n = -1) => n + 1]));
    const again = Dag.fromJSON(copied(dag), { functions });
    expect(again.runSync().value).toBe(19_999);
  });
});

describe("An fsm as data", () => {
  class Light {
    @state({ initial: true, to: ["green", "off"] }) red(times: number) {
      return next("green", times);
    }
    @state({ retry: 1, errorState: "off", metadata: { shines: true } }) green(times: number) {
      return times - 1;
    }
    @state off() {
      return stop("dark");
    }
  }

  function light() {
    const goesOn = (times: number) => times > 0;
    const seen: string[] = [];
    const hook = (_: unknown, from: string, to: string) => void seen.push(`${from} ${to}`);
    const fsm = Fsm.from(Light, { maxCycles: 20, metadata: { a: 1 } });
    fsm.addTransition("green", "red", goesOn).addTransition("green", "off");
    fsm.addTerminalState("off").setInitialState("red").addStateHook(hook);
    return { fsm, seen, values: { "transitions.green[0]": goesOn, "stateHooks[0]": hook } };
  }

  it("makes the same fsm again", async () => {
    const { fsm, seen, values } = light();
    const json = copied(fsm);
    const again = Fsm.fromJSON(json, { functions: new Light(), values });
    expect(copied(again)).toEqual(json);
    expect([again.edges, again.inputs, again.initialState]).toEqual([fsm.edges, fsm.inputs, fsm.initialState]);
    const run = await again.run({ inputs: { times: 2 } });
    expect(run.stateHistory).toEqual(["red", "green", "red", "green", "off"]);
    expect(run.value).toBe("dark");
    expect(seen).toHaveLength(4);
    const fromYaml = Fsm.fromYAML(fsm.toYAML(), { functions: new Light(), values });
    expect(copied(fromYaml)).toEqual(json);
    expect(() => Fsm.fromYAML("a: [", { functions: {} })).toThrow(/is not YAML/u);
  });

  it("lists all that is unknown or invalid", () => {
    const { fsm } = light();
    const json = { ...copied(fsm), initial: "red" };
    json.states[0].too = [];
    const found = problems(() => Fsm.fromJSON(json, { functions: { red: () => stop(), green: () => stop() } }));
    for (const part of ['"initial"', '"states[0].too"', 'function "off"', "stateHooks[0]", "transitions.green[0]"]) {
      expect(
        found.some((line) => line.includes(part)),
        `${part} in\n${found.join("\n")}`,
      ).toBe(true);
    }
    expect(problems(() => Fsm.fromJSON(Dag.from(Orders).toJSON(), { functions: {} }))[0]).toContain('Fsm reads "fsm"');
  });
});
