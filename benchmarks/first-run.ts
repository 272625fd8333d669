/** Defines and runs one small graph once, in a new process. Prints the processor time without the import, in ms. */
import { writeSync } from "node:fs";
import { Dag, node, workflow } from "dagwright";
import { PGraph } from "p-graph";
import { expectSame } from "./measure.js";

async function diamond(): Promise<unknown> {
  const dag = new Dag("diamond");
  dag.node("source", () => 1);
  dag.node("left", { needs: ["source"] }, (x: number) => x + 1);
  dag.node("right", { needs: ["source"] }, (x: number) => x + 2);
  dag.node("sum", { needs: ["left", "right"] }, (a: number, b: number) => a + b);
  dag.node("double", { needs: ["sum"] }, (x: number) => x * 2);
  return (await dag.run()).value;
}

async function diamondOfClass(): Promise<unknown> {
  @workflow({ name: "diamond" })
  class Diamond {
    @node source(): number {
      return 1;
    }
    @node("source") left(x: number): number {
      return x + 1;
    }
    @node("source") right(x: number): number {
      return x + 2;
    }
    @node("left", "right") sum(a: number, b: number): number {
      return a + b;
    }
    @node("sum") double(x: number): number {
      return x * 2;
    }
  }
  return (await Dag.from(Diamond).run()).value;
}

async function diamondOfPGraph(): Promise<unknown> {
  const results: Record<string, number> = {};
  const nodes = new Map([
    ["source", { run: async () => void (results.source = 1) }],
    ["left", { run: async () => void (results.left = results.source + 1) }],
    ["right", { run: async () => void (results.right = results.source + 2) }],
    ["sum", { run: async () => void (results.sum = results.left + results.right) }],
    ["double", { run: async () => void (results.double = results.sum * 2) }],
  ]);
  await new PGraph(nodes, [
    ["source", "left"],
    ["source", "right"],
    ["left", "sum"],
    ["right", "sum"],
    ["sum", "double"],
  ]).run();
  return results.double;
}

async function chain(): Promise<unknown> {
  const dag = new Dag("chain");
  dag.node("n0", () => 1);
  for (let i = 1; i < 100; i++) dag.node(`n${i}`, { needs: [`n${i - 1}`] }, (x: number) => x + 1);
  return (await dag.run()).value;
}

async function chainOfPGraph(): Promise<unknown> {
  let value = 0;
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
  const nodes = new Map(names.map((name) => [name, { run: async () => void value++ }]));
  await new PGraph(
    nodes,
    names.slice(1).map((name, i): [string, string] => [names[i], name]),
  ).run();
  return value;
}

const contenders: Record<string, readonly [run: () => Promise<unknown>, value: number]> = {
  diamond: [diamond, 10],
  diamondOfClass: [diamondOfClass, 10],
  diamondOfPGraph: [diamondOfPGraph, 10],
  chain: [chain, 100],
  chainOfPGraph: [chainOfPGraph, 100],
};

const [run, value] = contenders[process.argv[2]];
const before = process.cpuUsage();
const result = await run();
const { user, system } = process.cpuUsage(before);
expectSame(result, value, process.argv[2]);
writeSync(1, String((user + system) / 1000));
