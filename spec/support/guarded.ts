/** Nodes on workers that die, stand still or are stopped, which write to a file what becomes of each of their calls. */
import { appendFileSync, existsSync } from "node:fs";
import { Dag, type Context } from "dagwright";

/** A node that ends when the file `<file>.<gate>` is there, with the process that it ran in. */
export const guarded = new Dag<any>("guarded");
guarded.node("guarded", async (file: string, gate: string, ctx: Context) => {
  const tell = (what: string) => appendFileSync(file, `${gate} ${what} ${process.pid}\n`);
  tell("begun");
  ctx.signal.addEventListener("abort", () => tell("aborted"));
  while (!existsSync(`${file}.${gate}`)) await new Promise((resolve) => setTimeout(resolve, 5));
  tell("ended");
  return process.pid;
});

/** Nodes that end their process, at once or beside others. */
export const poisonous = new Dag<any>("poisonous");
poisonous.node("poison", (file: string) => {
  appendFileSync(file, `poison begun ${process.pid}\n`);
  process.exit(3);
});

/** What `guarded` was, before it had a parameter more. */
export const outdated = new Dag<any>("guarded");
outdated.node("guarded", (file: string) => {
  appendFileSync(file, `outdated begun ${process.pid}\n`);
});
