import { describe, expect, it } from "vitest";
import { command, files, flow, root } from "../support/command.js";
import { hasTerminals, Terminal, type TerminalOptions } from "../support/terminal.js";

const { path } = files();
const terminal = (args: readonly string[], options?: TerminalOptions) =>
  new Terminal([...command, ...args], { cwd: root, ...options });

describe.skipIf(!hasTerminals)("In a terminal", () => {
  it("a run is shown as it goes on, cancelled by Ctrl-C, and says how to go on", async () => {
    const shown = terminal(["run", flow("recorded"), "-w", "slow", "--store", path("runs.db"), "--run-id", "one"], {
      columns: 200,
    });
    await shown.shows(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] slow {2}/u);
    shown.resize(40, 10);
    await shown.shows(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] slow {2}/u);
    shown.interrupt();
    expect(await shown.ended).toBe(130);
    const text = (await shown.lines()).join("");
    expect(text).toContain("Interrupted. Completed: quick.");
    expect(text).toContain("resume");
    expect(shown.output).toContain("\x1b[");
  });

  it("a second Ctrl-C ends what ignores the first", async () => {
    const shown = terminal(["run", flow("recorded"), "-w", "stubborn"]);
    await shown.shows("still here");
    shown.interrupt();
    shown.interrupt();
    expect(await shown.ended).toBe(130);
  });

  it.each([40, 200])("10,000 nodes fit 24 lines of %d columns", async (columns) => {
    const shown = terminal(["run", flow("hostile"), "-w", "wide", "--mode", "async", "--output", path("wide.json")], {
      columns,
    });
    expect(await shown.ended).toBe(0);
    const lines = await shown.lines();
    expect(lines.length).toBeLessThanOrEqual(24 + 45);
    expect(lines[0]).toMatch(/^✔ wide completed in /u);
  });

  it("nothing is colored with NO_COLOR", async () => {
    const shown = terminal(["run", flow("recorded"), "-w", "fails"], { env: { NO_COLOR: "1" } });
    expect(await shown.ended).toBe(1);
    // eslint-disable-next-line no-control-regex -- none of them is to be there
    expect(shown.output).not.toMatch(/\x1b\[\d*(?:;\d+)*m/u);
  });
});
