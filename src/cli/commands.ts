// The commands by name. Each is loaded only when it runs: "ten ps" must not pay for "ten serve".
import type { Command } from "./command.ts";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const instances = () => import("./instances.ts");
const env = () => import("./env.ts");
const tokens = () => import("./tokens.ts");
const config = () => import("./config.ts");

export const COMMANDS: readonly CommandEntry[] = [
  entry("serve", "Run the server", async () => (await import("./serve.ts")).serve),
  entry(
    "init",
    "Write a tenement.toml for the project in this directory",
    async () => (await import("./init.ts")).init,
  ),
  entry(
    "config",
    "Print the effective configuration, secrets masked",
    async () => (await config()).config,
  ),
  entry(
    "config check",
    "Check the configuration and print only what is wrong",
    async () => (await config()).configCheck,
  ),
  entry("spawn", "Register and start instances", async () => (await import("./spawn.ts")).spawn),
  entry("start", "Start instances", async () => (await instances()).start),
  entry(
    "stop",
    "Stop instances until an operator starts them",
    async () => (await instances()).stop,
  ),
  entry(
    "sleep",
    "Put instances to sleep until a request wakes them",
    async () => (await instances()).sleep,
  ),
  entry("restart", "Stop and start instances", async () => (await instances()).restart),
  entry(
    "disable",
    "Stop instances and refuse their traffic",
    async () => (await instances()).disable,
  ),
  entry("enable", "Take instances back into traffic", async () => (await instances()).enable),
  entry("rm", "Stop and forget instances", async () => (await instances()).rm),
  entry("ps", "List instances", async () => (await import("./ps.ts")).ps),
  entry("health", "Say how an instance is", async () => (await instances()).health),
  entry("logs", "Print or follow logs", async () => (await import("./logs.ts")).logs),
  entry(
    "weight",
    "Set an instance's share of its service's traffic",
    async () => (await instances()).weight,
  ),
  entry("env set", "Set environment variables of an instance", async () => (await env()).envSet),
  entry(
    "env unset",
    "Unset environment variables of an instance",
    async () => (await env()).envUnset,
  ),
  entry("env ls", "List environment variables of an instance", async () => (await env()).envLs),
  entry(
    "why",
    "Tell why an instance is in the state it is in",
    async () => (await import("./why.ts")).why,
  ),
  entry("token-gen", "Make an API token", async () => (await tokens()).tokenGen),
  entry("token ls", "List API tokens", async () => (await tokens()).tokenLs),
  entry("token revoke", "Revoke an API token", async () => (await tokens()).tokenRevoke),
  entry("audit", "List who changed what", async () => (await import("./audit.ts")).audit),
  entry(
    "completions",
    "Print shell completions",
    async () => (await import("./completions.ts")).completions,
  ),
];

function entry(name: string, summary: string, load: () => Promise<Command>): CommandEntry {
  return { name, summary, load };
}

/** The command that one or two words name, and how many of them do. */
export function findCommand(
  words: readonly string[],
): { readonly entry: CommandEntry; readonly wordCount: number } | null {
  for (const wordCount of [2, 1]) {
    const name = words.slice(0, wordCount).join(" ");
    const found = COMMANDS.find((command) => command.name === name);
    if (found !== undefined) return { entry: found, wordCount: name.split(" ").length };
  }
  return null;
}

/** The second words of a group: `set`, `unset` and `ls` for `env`. */
export function subcommandsOf(group: string): readonly string[] {
  return COMMANDS.flatMap(({ name }) => {
    const [first, second] = name.split(" ");
    return first === group && second !== undefined ? [second] : [];
  });
}
