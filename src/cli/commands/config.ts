// ten config: prints or checks the effective configuration.
import { loadConfig } from "../../config/config.ts";
import { locateConfig, overrideDataDir } from "../../config/locate.ts";
import { planConfigTable, renderConfig } from "../../config/render.ts";
import type { Config } from "../../core/service.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";

export const config = defineCommand({
  meta: {
    description:
      "Prints the effective configuration: every value with its default filled in, secrets masked. ten config check only checks it.",
    examples: ["config", "config --json", "config check"],
  },
  args: {},
  async run({ data: context }) {
    const loaded = await loadConfigOf(context);
    context.show(planConfigTable(loaded), () => renderConfig(loaded));
  },
});

export const configCheck = defineCommand({
  meta: {
    description:
      "Checks the configuration. Prints nothing if it is valid, otherwise all its mistakes.",
    examples: ["config check", "config check --config /etc/tenement/tenement.toml"],
  },
  args: {},
  async run({ data: context }) {
    await loadConfigOf(context);
  },
});

/** Loads the configuration that flags and environment name. Throws CONFIG_INVALID. */
export async function loadConfigOf({ globals, shell: { env, cwd } }: Context): Promise<Config> {
  const file = locateConfig({ flag: globals.config, env, cwd });
  const dataDir = overrideDataDir({ flag: globals["data-dir"], env, cwd });
  return await loadConfig(file, { dataDir });
}
