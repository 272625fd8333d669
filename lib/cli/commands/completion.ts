import { Argument, type Command } from "commander";
import { print } from "../output.js";

const SHELLS = ["bash", "zsh", "fish"];

export function addCompletion(root: Command): void {
  root
    .command("completion")
    .summary("complete commands in a shell")
    .description("Writes a script that completes commands and options in a shell, for its startup file.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
bash:  echo 'source <(npx dagwright completion bash)' >> ~/.bashrc
zsh:   echo 'source <(npx dagwright completion zsh)' >> ~/.zshrc
fish:  npx dagwright completion fish > ~/.config/fish/completions/dagwright.fish`,
    )
    .action((shell: string) => {
      const words = wordsOf(root);
      print(shell === "fish" ? fish(words) : shell === "zsh" ? zsh(words) : bash(words));
    });
}

/** What can follow some words: commands and options. Files are completed by the shell. */
type Words = ReadonlyMap<string, readonly string[]>;

function wordsOf(command: Command, path = ""): Words {
  const words = new Map<string, readonly string[]>();
  const { commands, options } = command;
  words.set(path, [...commands.map((each) => each.name()), ...options.map(({ long }) => long ?? ""), "--help"]);
  for (const each of commands) {
    for (const [inner, list] of wordsOf(each, `${path} ${each.name()}`.trim())) words.set(inner, list);
  }
  return words;
}

function bash(words: Words): string {
  const known = Array.from(words.keys(), (path) => `"${path}"`).filter((path) => path !== '""');
  const cases = Array.from(words, ([path, list]) => `    "${path}") words="${list.join(" ")}" ;;`);
  return `_dagwright() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
    word="\${path:+$path }$word"
    case "$word" in ${known.join("|")}) path="$word" ;; *) break ;; esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _dagwright dagwright`;
}

/** zsh runs completions of bash, once its own are there: a startup file may begin them later, or not at all. */
function zsh(words: Words): string {
  return `(( $+functions[compdef] )) || { autoload -U compinit && compinit }
autoload -U +X bashcompinit && bashcompinit
${bash(words)}`;
}

function fish(words: Words): string {
  const known = Array.from(words.keys(), (path) => `"${path}"`).filter((path) => path !== '""');
  const lines = Array.from(words).flatMap(([path, list]) =>
    list.map((word) => {
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c dagwright -n '__dagwright_is_at "${path}"' ${what}`;
    }),
  );
  return `function __dagwright_is_at
  set -l path ""
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$path $word")
    contains -- "$next" ${known.join(" ")}; or break
    set path "$next"
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}`;
}
