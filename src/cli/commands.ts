// The commands by name, each loaded when it runs.
import type { Command } from "./command.ts";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const serve = () => import("./commands/serve.ts");
const init = () => import("./commands/init.ts");
const config = () => import("./commands/config.ts");
const spawn = () => import("./commands/spawn.ts");
const orders = () => import("./commands/orders.ts");
const rm = () => import("./commands/rm.ts");
const health = () => import("./commands/health.ts");
const weight = () => import("./commands/weight.ts");
const deploy = () => import("./commands/deploy.ts");
const route = () => import("./commands/route.ts");
const rollout = () => import("./commands/rollout.ts");
const ps = () => import("./commands/ps.ts");
const logs = () => import("./commands/logs.ts");
const exec = () => import("./commands/exec.ts");
const env = () => import("./commands/env.ts");
const reload = () => import("./commands/reload.ts");
const why = () => import("./commands/why.ts");
const doctor = () => import("./commands/doctor.ts");
const tokens = () => import("./commands/tokens.ts");
const domains = () => import("./commands/domain.ts");
const restartServer = () => import("./commands/restart-server.ts");
const audit = () => import("./commands/audit.ts");
const completions = () => import("./commands/completions.ts");

export const COMMANDS: readonly CommandEntry[] = [
  entry("serve", "Run the server", pick(serve, "serve")),
  entry("init", "Write a tenement.toml for the project in this directory", pick(init, "init")),
  entry("config", "Print the effective configuration, secrets masked", pick(config, "config")),
  entry(
    "config check",
    "Check the configuration and print its mistakes",
    pick(config, "configCheck"),
  ),
  entry("spawn", "Register and start instances", pick(spawn, "spawn")),
  entry("start", "Start instances", pick(orders, "start")),
  entry("stop", "Stop instances until an operator starts them", pick(orders, "stop")),
  entry("sleep", "Put instances to sleep until a request wakes them", pick(orders, "sleep")),
  entry("restart", "Stop and start instances", pick(orders, "restart")),
  entry("disable", "Stop instances and refuse their traffic", pick(orders, "disable")),
  entry("enable", "Take instances back into traffic", pick(orders, "enable")),
  entry("rm", "Stop and forget instances", pick(rm, "rm")),
  entry("ps", "List instances", pick(ps, "ps")),
  entry("health", "Print the health of an instance", pick(health, "health")),
  entry("logs", "Print or follow logs", pick(logs, "logs")),
  entry("weight", "Set an instance's share of its service's traffic", pick(weight, "weight")),
  entry("deploy", "Start a version and give it traffic once it is healthy", pick(deploy, "deploy")),
  entry("route", "Move traffic from one version to another", pick(route, "route")),
  entry(
    "rollout",
    "Give the running instances of a service new processes",
    pick(rollout, "rollout"),
  ),
  entry("exec", "Run a command inside an instance", pick(exec, "exec")),
  entry("shell", "Open a shell inside an instance", pick(exec, "shell")),
  entry("env set", "Set environment variables of an instance", pick(env, "envSet")),
  entry("env unset", "Unset environment variables of an instance", pick(env, "envUnset")),
  entry("env ls", "List environment variables of an instance", pick(env, "envLs")),
  entry("reload", "Apply a changed configuration", pick(reload, "reload")),
  entry("why", "Explain the state of an instance", pick(why, "why")),
  entry(
    "doctor",
    "Check what this host provides, with remedies for what is missing",
    pick(doctor, "doctor"),
  ),
  entry("token-gen", "Create an API token", pick(tokens, "tokenGen")),
  entry("token ls", "List API tokens", pick(tokens, "tokenLs")),
  entry("token revoke", "Revoke an API token", pick(tokens, "tokenRevoke")),
  entry("domain add", "Give a hostname to an instance or a service", pick(domains, "domainAdd")),
  entry("domain rm", "Remove a hostname", pick(domains, "domainRm")),
  entry("domain ls", "List custom hostnames", pick(domains, "domainLs")),
  entry(
    "restart-server",
    "Replace the server's process without a failed request",
    pick(restartServer, "restartServer"),
  ),
  entry("audit", "List the changes that operators made", pick(audit, "audit")),
  entry("completions", "Print shell completions", pick(completions, "completions")),
];

function entry(name: string, summary: string, load: () => Promise<Command>): CommandEntry {
  return { name, summary, load };
}

function pick<Key extends string>(
  load: () => Promise<Readonly<Record<Key, Command>>>,
  key: Key,
): () => Promise<Command> {
  return async () => (await load())[key];
}

/**
 * The command that the first one or two words name. citty's `subCommands` does not pass `data` and flags before a
 * command to the command, would run `config` after `config check`, and offers no look-up for help.
 */
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
