// ten config: prints or checks the effective configuration.
import { loadConfig } from "../../config/config.ts";
import { locateConfig, overrideDataDir } from "../../config/locate.ts";
import { planConfigTable, renderConfig } from "../../config/render.ts";
import { TenError } from "../../core/errors.ts";
import type { Config } from "../../core/service.ts";
import { findHiddenPrograms, type HiddenProgram } from "../../doctor/programs.ts";
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
      "Checks the configuration, and whether tenants see the programs that it starts, as this user and PATH find them. Prints nothing if all is well, otherwise all mistakes.",
    examples: ["config check", "config check --config /etc/tenement/tenement.toml"],
  },
  args: {},
  async run({ data: context }) {
    const loaded = await loadConfigOf(context);
    const hidden = findHiddenPrograms(loaded, context.shell.env).map(describeHidden);
    if (hidden.length > 0) throw new AggregateError(hidden);
  },
});

function describeHidden({ failure: { hint, reason }, service }: HiddenProgram): TenError {
  const message = `Cannot use command of service "${service}": ${reason}`;
  return new TenError("CONFIG_INVALID", message, hint === null ? {} : { hint });
}

/** Loads the configuration that flags and environment name. Throws CONFIG_INVALID. */
export async function loadConfigOf({ globals, shell: { env, cwd } }: Context): Promise<Config> {
  const file = locateConfig({ flag: globals.config, env, cwd });
  const dataDir = overrideDataDir({ flag: globals["data-dir"], env, cwd });
  return await loadConfig(file, { dataDir });
}
