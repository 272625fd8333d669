/**
 * An agent: a model decides which tool to use next, until it knows the answer. Its decisions and its tools are runs
 * inside of the agent's run, so none of them is paid for twice: the process is killed with `kill -9` halfway, and
 * another one goes on from there.
 *
 * Prints:
 *
 *     model: ask rain about 2012
 *     rain: 1226 mm in 2012
 *     model: ask rain about 2015
 *     killed by SIGKILL
 *     recovered:
 *     rain: 1139 mm in 2015
 *     model: ask heat about 2015
 *     heat: 17.4 °C in 2015
 *     model: answer
 *     Was 2015 dry and warm? Yes: 1226 mm in 2012, 1139 mm in 2015, 17.4 °C in 2015
 *     runs inside: model 0, rain 0, model 1, rain 1, model 2, heat 2, model 3
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, Dag, node, workflow } from "dagwright";
import { sqliteStore } from "dagwright/store";

type Decision = { tool: keyof typeof tools; year: number } | { answer: string };

/** Stands in for a language model: it decides by what it was told so far. */
@workflow({ name: "model" })
class Model {
  @node decide(question: string, facts: string[]): Decision {
    const script: Decision[] = [
      { tool: "rain", year: 2012 },
      { tool: "rain", year: 2015 },
      { tool: "heat", year: 2015 },
      { answer: `${question} Yes: ${facts.join(", ")}` },
    ];
    const decision = script[facts.length];
    console.log(`model: ${"tool" in decision ? `ask ${decision.tool} about ${decision.year}` : "answer"}`);
    return decision;
  }
}

/** A tool, which reads the days of a year, and tells a fact of a column. */
function tool(name: string, column: number, tell: (values: number[]) => string): Dag<any> {
  const dag = new Dag<any>(name);
  const days = dag.node("days", async (year: number) => {
    const lines = (await readFile("samples/data/seattle-weather.csv", "utf8")).trim().split("\n");
    return lines.filter((line) => line.startsWith(`${year}`)).map((line) => Number(line.split(",")[column]));
  });
  dag.node("fact", { needs: [days] }, (values, year: number) => {
    console.log(`${name}: ${tell(values)} in ${year}`);
    return `${tell(values)} in ${year}`;
  });
  return dag;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const tools = {
  rain: tool("rain", 1, (days) => `${Math.round(sum(days))} mm`),
  heat: tool("heat", 2, (days) => `${(sum(days) / days.length).toFixed(1)} °C`),
};
const model = Dag.from(Model);

@workflow({ name: "agent" })
class Agent {
  @node async answer(question: string, ctx: Context): Promise<string> {
    const facts: string[] = [];
    for (let turn = 0; ; turn++) {
      const thought = await ctx.run(model, { inputs: { question, facts }, key: `model ${turn}` });
      const decision = thought.get("decide");
      if ("answer" in decision) return decision.answer;
      if (turn === 1 && ctx.attempt === 1) process.kill(process.pid, "SIGKILL");
      const { tool, year } = decision;
      const used = await ctx.run(tools[tool], { inputs: { year }, key: `${tool} ${turn}` });
      facts.push(used.get("fact"));
    }
  }
}

const agent = Dag.from(Agent);
const [, script, path = join(mkdtempSync(join(tmpdir(), "dagwright-")), "runs.db")] = process.argv;
const store = sqliteStore(path);
// The child process gets the path as its argument. It begins the run and is killed.
if (process.argv.length > 2) await agent.run({ store, inputs: { question: "Was 2015 dry and warm?" } });

const { signal } = spawnSync(process.execPath, [...process.execArgv, script, path], { stdio: "inherit" });
console.log(`killed by ${signal}`);
console.log("recovered:");
const [run] = await agent.recover({ store });
console.log(run.get("answer"));
const { runs } = await store.listRuns({ parent: run.runId });
const keys = runs.map(({ runId }) => runId.slice(runId.indexOf("[") + 1, -1));
console.log(`runs inside: ${keys.reverse().join(", ")}`);
await store.close();
rmSync(join(path, ".."), { recursive: true });
