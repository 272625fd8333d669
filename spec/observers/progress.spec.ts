import headless from "@xterm/headless";
import { describe, expect, it, vi } from "vitest";
import { Dag, Fsm, next, stop, type RunEvent } from "dagwright";
import { consoleLog, progress } from "dagwright/observers";
import { failure, gate, until } from "../support/waiting.js";

/** A terminal, and what a person sees there. */
function screen(columns: number, rows: number, hasColors = false) {
  const terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  let output = "";
  const stream = {
    isTTY: true,
    columns,
    rows,
    hasColors: () => hasColors,
    write(text: string): boolean {
      output += text;
      terminal.write(text);
      return true;
    },
  };
  const lines = async () => {
    await new Promise<void>((resolve) => terminal.write("", resolve));
    const { active } = terminal.buffer;
    const all = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? "");
    return all.slice(0, all.findLastIndex((text) => text !== "") + 1);
  };
  return { stream, lines, output: () => output };
}

/** Waits until so many lines are as they should be; returns all lines. */
async function shown(lines: () => Promise<string[]>, isMeant: (line: string) => boolean, times = 1): Promise<string[]> {
  let all: string[] = [];
  await until(async () => (all = await lines()).filter(isMeant).length === times);
  return all;
}

/** What is written where there is no terminal. */
function pipe() {
  let output = "";
  return { stream: { write: (text: string) => ((output += text), true) }, lines: () => output.trimEnd().split("\n") };
}

function etl() {
  const dag = new Dag("etl");
  dag.node("load", { retry: { retries: 2, delay: 1 } }, (ctx) => {
    if (ctx.attempt < 2) throw new Error("no luck");
    return 1;
  });
  dag.node("clean", { needs: ["load"] }, async (value) => value);
  dag.condition("isBig", { needs: ["clean"] }, (value: number) => value > 5);
  dag.node("big", { needs: ["isBig.true"] }, () => "big");
  return dag;
}

describe("progress()", () => {
  it("shows a line a node in a terminal, and in the end what became of the run", async () => {
    const { stream, lines } = screen(80, 24);
    const { opened, open } = gate();
    const dag = etl();
    let during: string[] = [];
    dag.node("report", { needs: ["clean"] }, async (_, ctx) => {
      ctx.progress(0.5, "half of it");
      during = await shown(lines, (line) => line.includes("50%"));
      open();
    });
    await dag.run({ mode: "async", observers: [progress({ stream, plan: dag.dryRun({ mode: "async" }) })] });
    await opened;
    expect(during[0]).toMatch(/^etl .* 4\/5 .* 1 skipped {2}1 retry$/u);
    expect(during).toContainEqual(expect.stringMatching(/^✔ load .* attempt 2$/u));
    expect(during).toContainEqual(expect.stringMatching(/^\S report .* 50% half of it$/u));
    expect(await lines()).toEqual([
      expect.stringMatching(/^✔ etl completed in .* \(4 nodes completed, 1 skipped\)$/u),
      expect.stringMatching(/^ {2}critical path {2}load → clean → report \(/u),
      expect.stringMatching(/^ {2}slowest {8}\w+ .* ms, \w+ /u),
      "  retries        1 (load)",
    ]);
  });

  it("folds what there is no room for, and cuts lines", async () => {
    const { stream, lines } = screen(30, 6);
    const dag = new Dag("a workflow with a long name, longer than the terminal is wide");
    const { opened, open } = gate();
    for (let i = 0; i < 20; i++) dag.node(`node ${i}`, () => opened);
    const run = dag.run({ mode: "async", observers: [progress({ stream })] });
    const during = await shown(lines, (line) => /^\S node \d/u.test(line), 4);
    expect(during).toHaveLength(5);
    expect(during.slice(1).every((line) => /^\S node \d+ {2,}/u.test(line))).toBe(true);
    open();
    await run;
    expect((await lines()).every((line) => line.length <= 30)).toBe(true);
  });

  it("writes lines elsewhere, with names and messages escaped", async () => {
    const { stream, lines } = pipe();
    const dag = new Dag("hostile");
    dag.node("a\x1b[31m\nb", () => {
      throw new Error("x\x07\u202ey");
    });
    await failure(dag.run({ runId: "r", observers: [progress({ stream })] }));
    expect(lines().slice(0, 3)).toEqual([
      "hostile: run r started",
      "a\\x1b[31m\\nb: started",
      "a\\x1b[31m\\nb: attempt 1 failed: x\\x07\\u202ey",
    ]);
    expect(lines().at(-2)).toMatch(/^✖ hostile failed in .* \(0 nodes completed, 1 failed\)$/u);
  });

  it("shows several runs at once, and the nodes inside of others by their paths", async () => {
    const { stream, lines } = screen(80, 24);
    const inner = new Dag("inner");
    const { opened, open } = gate();
    inner.node("deep", () => opened);
    const outer = new Dag("outer");
    outer.node("check", inner);
    const observer = progress({ stream });
    const runs = [
      outer.run({ mode: "async", observers: [observer] }),
      outer.run({ mode: "async", observers: [observer] }),
    ];
    const during = await shown(lines, (line) => line.includes("check.deep"), 2);
    expect(during.filter((line) => line.startsWith("outer "))).toHaveLength(2);
    expect(during.filter((line) => /^ {2}\S check\.deep /u.test(line))).toHaveLength(2);
    open();
    await Promise.all(runs);
    expect((await lines()).filter((line) => line.startsWith("✔ outer completed"))).toHaveLength(2);
  });

  it("counts the cycles of a state, and a state that was left once", async () => {
    const { stream, lines } = screen(80, 24);
    const fsm = new Fsm("pair");
    fsm.state("ping", { initial: true }, (n = 0) => (n < 6 ? next("pong", n + 1) : stop(n)));
    fsm.state("pong", (n: number) => next("ping", n + 1));
    await fsm.run({ observers: [progress({ stream })] });
    expect((await lines())[0]).toMatch(/^✔ pair completed in .* \(2 nodes completed\)$/u);
  });

  it("counts the items of a map, and cache hits", async () => {
    const { stream, lines } = screen(80, 24);
    const dag = new Dag("items");
    dag.node("list", () => [1, 2, 3]);
    const { opened, open } = gate();
    dag.map("each", { needs: ["list"], onItemError: "skip" }, async (item: number) => {
      if (item === 2) throw new Error("odd one out");
      if (item === 3) await opened;
      return item;
    });
    dag.cachedNode("kept", { ttl: 1e6, key: () => "one" }, () => 1);
    await dag.run({ mode: "async", overrides: { each: [] } });
    const run = dag.run({ mode: "async", observers: [progress({ stream })] });
    await shown(lines, (line) => /^\S each .* 2 of 3 items, 1 failed$/u.test(line));
    open();
    await run;
    expect(await lines()).toContain("  cache hits     1");
  });

  it("colors terminals that have colors, and refuses wrong options", async () => {
    const colored = screen(80, 24, true);
    const plain = screen(80, 24, false);
    await etl().run({ observers: [progress({ stream: colored.stream }), progress({ stream: plain.stream })] });
    expect(colored.output()).toContain("\x1b[32m");
    // eslint-disable-next-line no-control-regex -- none of them is to be there
    expect(plain.output()).not.toMatch(/\x1b\[\d*m/u);
    expect(() => progress({ stream: 1 as never })).toThrow('"stream" must be a stream, such as process.stdout');
    expect(() => progress({ streams: 1 } as never)).toThrow('Unknown option "streams" of progress');
  });
});

it("consoleLog() logs what events say", async () => {
  const logged: unknown[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line) => logged.push(line));
  const observer = consoleLog();
  await etl().run({ runId: "r", observers: [observer] });
  log.mockRestore();
  expect(logged.slice(0, 4)).toEqual([
    "etl: run r started",
    "load: started",
    "load: attempt 1 failed: no luck",
    "load: attempt 2 started",
  ]);
  expect(logged).toContain("big: skipped because of isBig.true");
  const event: RunEvent = { type: "run.paused", runId: "x", at: 0 };
  expect(() => observer(event)).not.toThrow();
});
