import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { dagwright, files } from "../support/command.js";

const { write } = files();
const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

/** What was typed, and what a shell makes of it: the one word that it can be. */
const WORDS = {
  "dagwright sche": "schedule",
  "dagwright schedule a": "add",
  "dagwright run --wa": "--watch",
  "dagwright schedule add --cr": "--cron",
  "dagwright schedule resume --st": "--store",
};

/** Runs a script of a shell, and returns what it writes. */
function said(shell: string, script: string, ...flags: string[]): string {
  return spawnSync(shell, [...flags, write(`ask.${shell}`, script)], { encoding: "utf8" }).stdout;
}

describe.each(["bash", "zsh", "fish"])("dagwright completion %s", (shell) => {
  let script: string;
  beforeAll(async () => {
    script = write(`completion.${shell}`, (await dagwright(["completion", shell])).stdout);
  });

  it.runIf(shell === "bash" && has(shell)).each(Object.entries(WORDS))("completes %s", (line, word) => {
    const typed = line.split(" ");
    const ask = `COMP_WORDS=(${typed.join(" ")}); COMP_CWORD=${typed.length - 1}; _dagwright; echo "\${COMPREPLY[@]}"`;
    expect(said(shell, `source ${script}; ${ask}`).trim()).toBe(word);
  });

  it.runIf(shell === "fish" && has(shell)).each(Object.entries(WORDS))("completes %s", (line, word) => {
    expect(said(shell, `source ${script}; complete -C "${line}"`).trim()).toBe(word);
  });

  // In a pseudo terminal, since only a person's keys complete anything in zsh. The prompt is drawn again after each key.
  it.runIf(shell === "zsh" && has(shell)).each(Object.entries(WORDS))("completes %s", (line, word) => {
    const completed = `${line.slice(0, line.lastIndexOf(" "))} ${word}`;
    const ask = `
      zmodload zsh/zpty
      zpty z zsh -f -i
      zpty -w z "PS1='ready> '; source ${script}; echo sourced"
      zpty -r -m z seen '*sourced*ready> *'
      zpty -w -n z '${line}'$'\\t'
      zpty -r -m z seen '*${completed}*'
      print -r -- "$seen"
      zpty -d z`;
    expect(said(shell, ask, "-f")).toContain(completed);
  });
});
