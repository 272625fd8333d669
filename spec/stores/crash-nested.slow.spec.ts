import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundled } from "../support/bundled.js";

const script = bundled("crashing-nested");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dagwright-nested-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number | null;
  readonly said: { status: string; value: string; low: string } | undefined;
  readonly errors: string;
}

/** Drives the run until it has ended, or is killed `delay` ms after it is ready. */
function drive(database: string, ledger: string, mode: string, delay: number): Promise<Outcome> {
  const child = spawn(process.execPath, [script, database, ledger, "r", mode]);
  let output = "";
  let errors = "";
  child.stderr.on("data", (data) => (errors += data));
  child.stdout.on("data", (data) => {
    if (output === "") setTimeout(() => child.kill("SIGKILL"), delay);
    output += data;
  });
  return new Promise((resolve) =>
    child.on("close", (code) => {
      const [, said = ""] = output.split("\n");
      resolve({ code, said: said === "" ? undefined : JSON.parse(said), errors });
    }),
  );
}

it("A run with runs inside is completed after any number of kills, from effects that took place once", async () => {
  let kills = 0;
  for (const [number, mode] of ["sequential", "async", "sequential", "async"].entries()) {
    const database = join(folder, `${number}.db`);
    const ledger = join(folder, `${number}.ledger`);
    for (let round = 1; ; round++) {
      const { code, said, errors } = await drive(database, ledger, mode, Math.random() * 25 * round);
      if (code === null) {
        kills++;
        continue;
      }
      expect(errors.replace(/.*ExperimentalWarning[^]*$/u, "")).toBe("");
      expect(said!.status).toBe("completed");
      const lines = readFileSync(ledger, "utf8").trimEnd().split("\n");
      const tokens = lines.map((line) => line.split(" ").at(-1)!);
      expect(new Set(tokens).size).toBe(tokens.length);
      // All parts of the value are effects that took place; those of the loop and of the calls come from one beginning.
      const parts = said!.value.match(/[a-z0-9]{6,}/gu)!;
      for (const part of parts) expect(tokens).toContain(part);
      const begun = lines.filter((line) => line.startsWith("r begin ")).map((line) => line.split(" ")[2]);
      expect(begun.filter((token) => parts.includes(token)).length).toBe(1);
      expect(said!.value).toContain(said!.low.split("(")[0]);
      // Each node of the runs inside has one effect in the value: no result was computed again and replaced.
      const used = lines
        .filter((line) => parts.includes(line.split(" ")[2]))
        .map((line) => line.split(" ").slice(0, 2).join(" "));
      const once = used.filter((node) => !node.endsWith(" step"));
      expect(new Set(once).size).toBe(once.length);
      expect(once.length).toBe(1 + 3 + 3 + 9 + 1);
      expect(used.length - once.length).toBe(4);
      break;
    }
  }
  expect(kills).toBeGreaterThan(4);
}, 600_000);
