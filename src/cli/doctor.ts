// ten doctor: what this host can provide, and what to do about the rest.
import { existsSync } from "node:fs";
import { locateConfig } from "../config/locate.ts";
import { TenError } from "../core/errors.ts";
import { type Finding, findGaps, type Gap, renderNeed } from "../core/finding.ts";
import type { Config } from "../core/service.ts";
import { examineHost } from "../doctor/examinations.ts";
import { openHost } from "../platform/host.ts";
import { defineCommand } from "./command.ts";
import { loadConfigOf } from "./config.ts";
import type { Context } from "./context.ts";
import { renderFindings } from "./findings.ts";

export const doctor = defineCommand({
  meta: {
    description:
      "Examines this host: what it can provide, level by level and limit by limit, and the remedy for each gap. It needs no server and no configuration, and changes nothing. It fails when a service of the configuration asks for something that is missing.",
    examples: ["doctor", "doctor --json"],
  },
  args: {},
  async run({ data: context }) {
    const config = await loadIfThere(context);
    const findings = await examineHost(openHost({ dataDir: context.dataDir }));
    const gaps = findGaps(config?.services.values() ?? [], findings);
    context.show(describe({ config, findings, gaps }), () =>
      renderFindings(findings, (text, colour) => context.paint(text, colour)),
    );
    if (gaps.length > 0) throw new AggregateError(gaps.map(gapError));
  },
});

/** Null where there is no configuration. Throws CONFIG_INVALID for one that can't be used. */
async function loadIfThere(context: Context): Promise<Config | null> {
  const { globals, shell } = context;
  try {
    if (!existsSync(locateConfig({ flag: globals.config, ...shell }))) return null;
  } catch {
    return null;
  }
  return await loadConfigOf(context);
}

function describe(report: {
  readonly config: Config | null;
  readonly findings: readonly Finding[];
  readonly gaps: readonly Gap[];
}): unknown {
  return {
    ok: report.gaps.length === 0,
    config: report.config?.file ?? null,
    findings: report.findings,
    gaps: report.gaps.map(({ service, need, finding }) => ({ service, need, finding: finding.id })),
  };
}

function gapError({ service, need, finding: { title, found, remedy } }: Gap): TenError {
  const asked = `${renderNeed(need)} of service "${service}"`;
  return new TenError("LEVEL_MISSING", `Cannot provide ${asked}: ${title}: ${found}`, {
    ...(remedy === null ? {} : { hint: remedy }),
  });
}
