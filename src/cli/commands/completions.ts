// ten completions: shell scripts that ask ten itself for completions, so they never get outdated.
import { TenError } from "../../core/errors.ts";
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";

export const completions = defineCommand({
  meta: {
    description:
      "Prints the script that completes commands, flags and instances in a shell. Load it from the shell's start-up file.",
    examples: [
      "completions bash > ~/.local/share/bash-completion/completions/ten",
      "completions zsh > ~/.zfunc/_ten",
      "completions fish > ~/.config/fish/completions/ten.fish",
    ],
  },
  args: { shell: { ...OPERAND, valueHint: "SHELL", options: ["bash", "zsh", "fish"] } },
  async run({ args: { shell }, data: context }) {
    const script = SCRIPTS[shell];
    if (script === undefined) throw new TenError("USAGE_INVALID", `Cannot complete in "${shell}"`);
    context.shell.print(script);
  },
});

/** Bash splits words at colons: the script splits the line itself, and cuts the part before the colon. */
const BASH = `# bash completion for ten
_ten() {
  local line=\${COMP_LINE:0:COMP_POINT} IFS=$' \\t' words current
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[-1]}
  IFS=$'\\n'
  COMPREPLY=($("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null))
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${current%"\${current##*:}"}"}")
  fi
}
complete -o default -F _ten ten
`;

const ZSH = `#compdef ten
_ten() {
  local -a found
  found=("\${(@f)$(\${words[1]} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  [[ -n $found[1] ]] && compadd -- $found || _files
}
if [[ $funcstack[1] == _ten ]]; then _ten "$@"; else compdef _ten ten; fi
`;

const FISH = `# fish completion for ten
function __ten_complete
  set -l words (commandline -opc) (commandline -ct)
  ten __complete $words[2..-1] 2>/dev/null
end
complete -c ten -f -a "(__ten_complete)"
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
