// The plan of a launch: command line, working directory and environment of an instance's process.
import { ACCOUNT_ENV } from "./account.ts";
import {
  type InstancePlace,
  instanceDirOf,
  markOf,
  placeholdersOf,
  socketPathOf,
} from "./instance-paths.ts";
import { fillTemplate } from "./template.ts";

export interface LaunchPlanInput extends InstancePlace {
  /** The server's own environment; only PATH, HOME, LANG and TZ reach the instance. */
  readonly serverEnv: Readonly<Record<string, string | undefined>>;
  /** The variables that `ten env set` stored for the instance. */
  readonly storedEnv: Readonly<Record<string, string>>;
  /** The variables of the service's `env_file`. */
  readonly fileEnv: Readonly<Record<string, string>>;
}

export interface LaunchPlan {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly socketPath: string;
  /** The instance's data directory. */
  readonly instanceDir: string;
  /** In the environment as `TENEMENT_MARK`: every descendant inherits it and is found by it. */
  readonly mark: string;
}

const INHERITED = ["PATH", "HOME", "LANG", "TZ"] as const;

/**
 * Of two values for one variable the later wins: the account's variables and the server's PATH, HOME, LANG and TZ, then
 * the service's `env`, its `env_file`, the variables stored for the instance, and those that the server sets itself.
 */
export function planLaunch(input: LaunchPlanInput): LaunchPlan {
  const { service, ref, port } = input;
  const instanceDir = instanceDirOf(input);
  const mark = markOf(input);
  const marked = { TENEMENT_MARK: mark };
  const socketPath = socketPathOf(input);
  const placeholders = { ...placeholdersOf(input), socket: socketPath };
  const fill = (template: string) => fillTemplate(template, placeholders);
  const env = Object.fromEntries(
    Object.entries(service.env).map(([name, template]) => [name, fill(template)]),
  );
  return {
    argv: service.argv.map(fill),
    cwd: fill(service.workdir),
    env: {
      // First and last: it is looked for at the beginning of an environment, and no other value of it counts.
      ...marked,
      ...inheritedEnv(input, instanceDir),
      ...env,
      ...input.fileEnv,
      ...input.storedEnv,
      PORT: String(port),
      ...extraPortsEnv(input),
      SOCKET_PATH: socketPath,
      TENEMENT_SERVICE: ref.service,
      TENEMENT_INSTANCE: ref.id,
      TENEMENT_DATA_DIR: instanceDir,
      ...marked,
    },
    socketPath,
    instanceDir,
    mark,
  };
}

function extraPortsEnv({ extraPorts }: LaunchPlanInput) {
  return Object.fromEntries(
    extraPorts.map((port, at) => [`TENEMENT_PORT_${at + 1}`, String(port)]),
  );
}

function inheritedEnv({ service, serverEnv }: LaunchPlanInput, instanceDir: string) {
  // Behind walls the server's home is hidden, so a HOME there would only fail.
  const home = service.isolation === "process" ? serverEnv["HOME"] : instanceDir;
  const env: Record<string, string> = service.isolation === "process" ? {} : { ...ACCOUNT_ENV };
  for (const name of INHERITED) {
    const value = name === "HOME" ? home : serverEnv[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
