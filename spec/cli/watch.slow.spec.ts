import { spawn } from "node:child_process";
import { expect, it } from "vitest";
import { command, files, root } from "../support/command.js";
import { until } from "../support/waiting.js";

const { write } = files();

/** A file with a workflow whose result is `result`. */
const workflow = (result: string) =>
  `import { Dag } from "dagwright"; export const dag = new Dag("watched"); dag.node("a", () => ${result});`;

it("dagwright run --watch runs a workflow again when its file changes, also after one that can't be imported", async () => {
  const file = write("watched.mjs", workflow('"first " + "result"'));
  const [program, ...rest] = [...command, "run", file, "--watch"];
  const child = spawn(program, rest, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += String(text)));
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    // It watches the files of a process that is over for sure.
    await until(() => said.includes("first result") && said.includes("Completed running"));
    write("watched.mjs", workflow("???"));
    await until(() => said.includes("can't be imported") && said.includes("Failed running"));
    write("watched.mjs", workflow('"second " + "result"'));
    await until(() => said.includes("second result"));
  } finally {
    child.kill("SIGTERM");
  }
  await ended;
  expect(said.indexOf("first result")).toBeLessThan(said.indexOf("second result"));
});
