// ten config: the configuration as the server would take it.
import { loadConfig } from "../config/config.ts";
import { locateConfig, overrideDataDir } from "../config/locate.ts";
import { planConfigTable, renderConfig } from "../config/render.ts";
import type { Config } from "../core/service.ts";
import { defineCommand } from "./command.ts";
import type { Context } from "./context.ts";

export const config = defineCommand({
  about:
    "Prints the effective configuration: every value with its default filled in, secrets masked. ten config check only checks it.",
  operands: [],
  flags: {},
  examples: ["config", "config --json", "config check"],
  async run({ context }) {
    const loaded = await loadConfigOf(context);
    context.show(planConfigTable(loaded), () => renderConfig(loaded));
  },
});

export const configCheck = defineCommand({
  about:
    "Checks the configuration. Prints nothing when it is valid, otherwise everything that is wrong.",
  operands: [],
  flags: {},
  examples: ["config check", "config check --config /etc/tenement/tenement.toml"],
  async run({ context }) {
    await loadConfigOf(context);
  },
});

/** Loads the configuration that flags and environment name. Throws CONFIG_INVALID. */
export async function loadConfigOf({ globals, shell: { env, cwd } }: Context): Promise<Config> {
  const file = locateConfig({ flag: globals.config, env, cwd });
  const dataDir = overrideDataDir({ flag: globals["data-dir"], env, cwd });
  return await loadConfig(file, { dataDir });
}
