import { cpSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { capture } from "./capture.js";
import { moduleOf, outcomeOf, PROGRAMS, scriptOf, type Program } from "./programs.js";
import type { Command, Tool } from "./tools.js";

export interface Place {
  /** The folder for projects, and for files that tools leave behind. */
  readonly home: string;
  /** The node_modules that packages are linked from. */
  readonly installed: string;
  /** The output of each command. */
  readonly printed: string[];
}

/** A project that uses one tool, with only the packages that this needs. */
export class Project {
  private readonly folder: string;
  /** The configuration line, if it is a command-line option. */
  private readonly option: readonly string[];

  /**
   * @param line - the configuration line
   * @param packages - in addition to those of the tool
   */
  constructor(
    private readonly place: Place,
    private readonly tool: Tool,
    line: string,
    packages: readonly string[],
  ) {
    this.folder = mkdtempSync(join(place.home, "project-"));
    this.option = line.startsWith("--") ? [line] : [];
    const { adapt = (text: string) => text, tests = false } = tool;
    const files = {
      "package.json": '{ "type": "module" }',
      ...Object.fromEntries(
        PROGRAMS.map((program) => [`${program}.ts`, adapt(tests ? moduleOf(program) : scriptOf(program))]),
      ),
      ...tool.files(this.option.length > 0 ? "" : line),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.folder, name), text);
    for (const name of [...tool.packages, ...packages]) {
      const link = join(this.folder, "node_modules", name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(realpathSync(join(place.installed, name)), link, "junction");
    }
  }

  async build(): Promise<void> {
    if (this.tool.build !== undefined) await this.execute(this.tool.build(this.option), this.folder);
  }

  /** What the programs did, in words. @throws {Error} when one failed */
  async run(programs: readonly Program[], folder = this.folder): Promise<string> {
    const outcomes: string[] = [];
    for (const program of programs)
      outcomes.push(outcomeOf(program, await this.execute(this.tool.run(program), folder)));
    return outcomes.join(", ");
  }

  /** Copies the built files to a folder of their own. */
  alone(): string {
    const folder = mkdtempSync(join(this.place.home, "alone-"));
    for (const name of ["dist", "package.json"])
      cpSync(join(this.folder, name), join(folder, name), { recursive: true });
    return folder;
  }

  private async execute([name, ...args]: Command, cwd: string): Promise<string> {
    const { home, installed, printed } = this.place;
    const env = {
      ...process.env,
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      HOME: home,
      TMPDIR: home,
      DENO_DIR: join(home, "deno"),
      NODE_OPTIONS: "",
      NO_COLOR: "1",
    };
    const file = name === "node" ? process.execPath : join(installed, ".bin", name);
    const output = await capture([file, ...args], { cwd, env });
    printed.push(output);
    return output;
  }
}
