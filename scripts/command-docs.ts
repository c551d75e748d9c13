// Writes docs/command-line.md: prose by hand, the rest from the help of each command.
import { COMMANDS } from "../src/cli/commands.ts";
import { renderCommandHelp, renderProgramHelp } from "../src/cli/help.ts";

/** From the root of the project. */
export const COMMAND_DOCS = "docs/command-line.md";

const INTRODUCTION = `# Command line

\`ten serve\` is the server; every other command talks to it, on the same machine through a Unix socket in the data directory,
\`tenement.sock\`, which needs no token: every user who may open it is the administrator. So commands find the server by the data
directory: \`--data-dir\`, then \`TENEMENT_DATA_DIR\`, then \`data_dir\` of \`tenement.toml\`, which is located as described in
[configuration.md](configuration.md).

To use a server on another machine, name it with \`--server https://example.com\` or \`TENEMENT_SERVER\`. Over HTTP a token is required:
\`--token\`, then \`TENEMENT_TOKEN\`, then the file \`api_token\` in the data directory, which \`ten token-gen\` writes on the server.

An instance is named by a ref, \`SERVICE:ID\`, such as \`notes:alice\`. Global flags may precede or follow the command.

Errors go to standard error as \`error: …\`, followed by \`hint: …\` where there is a remedy.

| Exit code | Meaning                     |
| --------- | --------------------------- |
| 0         | done                        |
| 1         | failed                      |
| 2         | bad usage or configuration  |
| 3         | no such instance or service |
| 4         | the server can't be reached |
| 5         | not permitted               |
`;

/** The text of the document. */
export async function renderCommandDocs(): Promise<string> {
  const pages = await Promise.all(
    COMMANDS.map(async ({ name, load }) => renderPage(name, renderCommandHelp(name, await load()))),
  );
  return [INTRODUCTION, renderBlock(renderProgramHelp(COMMANDS)), ...pages].join("\n");
}

/** The help of a command without the global flags, which the page lists once. */
function renderPage(name: string, help: string): string {
  const [about = "", ...sections] = help.trimEnd().split("\n\n");
  const own = sections.filter((section) => !section.startsWith("Flags of every command"));
  return `## ten ${name}\n\n${about}\n\n${renderBlock(own.join("\n\n"))}`;
}

function renderBlock(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;
}
