import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { dagwright, files, flow, root } from "../support/command.js";

const { write } = files();

describe.concurrent("The file of a command", () => {
  it("is imported once, without its own run, which is told", async () => {
    const { code, stdout, stderr } = await dagwright(["run", flow("etl"), "-i", "url=abc", "-i", "limit=7"]);
    expect(stderr).toContain('etl.ts runs "etl" itself. That run is left out.');
    expect(stdout.match(/^imported$/gmu)).toHaveLength(1);
    expect(stdout).not.toContain("ran by itself");
    expect(stdout).toContain("{ length: 3, limit: 7, isMainThread: true }");
    expect(code).toBe(0);
  });

  it("may be a URL, and have legacy decorators", async () => {
    const { href } = pathToFileURL(join(root, "spec/legacy/flow.ts"));
    const { code, stdout } = await dagwright(["run", href]);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("2");
    expect(code).toBe(0);
  });

  it.each<[string, string, number, RegExp]>([
    ["exports nothing", "export const x = 1;", 2, /has no workflow\. Export one/u],
    ["throws", "\n  throw new Error('no\\nluck');", 1, /can't be imported: no luck \(line 2:9\)/u],
    ["never ends", "await new Promise(() => {}); export {};", 1, /never ends being imported/u],
    ["is broken", "const x: = 1;", 1, /can't be imported: Missing initializer/u],
    ["misses a module", "import './nowhere.js';", 1, /can't be imported: Cannot find module/u],
  ])("is refused on one line when it %s", async (what, text, expected, message) => {
    const file = write(`${what.replaceAll(" ", "-")}.mjs`, text);
    const { code, stdout, stderr } = await dagwright(["run", file]);
    expect(stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(message)]);
    expect(stdout).toBe("");
    expect(code).toBe(expected);
  });

  it("with several workflows lists them, and takes the one that is named", async () => {
    const several = await dagwright(["run", flow("recorded")]);
    expect(several.stderr).toContain("recorded.ts has 5 workflows: ");
    expect(several.stderr).toContain("Choose one with --workflow.");
    expect(several.code).toBe(2);
    const misspelt = await dagwright(["run", flow("recorded"), "-w", "ordre"]);
    expect(misspelt.stderr).toContain('has no workflow "ordre". Did you mean "order"?');
    expect(misspelt.code).toBe(2);
  });

  it("that is not there, and wrong inputs, are wrong usage", async () => {
    const absent = await dagwright(["run", "nowhere.ts"]);
    expect(absent).toEqual({ code: 2, stdout: "", stderr: 'error: There is no file "nowhere.ts".\n' });
    const unknown = await dagwright(["run", flow("etl"), "-i", "urll=a"]);
    expect(unknown.stderr).toContain('"etl" has no input "urll". Did you mean "url"?');
    expect(unknown.code).toBe(2);
    const missing = await dagwright(["run", flow("etl")]);
    expect(missing.stderr).toContain('"etl" lacks an input: --input url=…');
    expect(missing.code).toBe(2);
  });
});
