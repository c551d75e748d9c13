// ten doctor: checks the levels and limits that this host provides, and shows a remedy for each gap.
import { existsSync } from "node:fs";
import { locateConfig } from "../../config/locate.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import type { Config } from "../../core/service.ts";
import { EXPOSED } from "../../core/walls.ts";
import { examineHost } from "../../doctor/examinations.ts";
import {
  type Finding,
  findUnmetNeeds,
  fine,
  renderNeed,
  type UnmetNeed,
} from "../../doctor/finding.ts";
import { examineOpenPorts } from "../../doctor/open-ports.ts";
import { examinePrograms } from "../../doctor/programs.ts";
import { examineTrustedProxies } from "../../doctor/trusted-proxies.ts";
import { type Host, openHost } from "../../platform/host.ts";
import { acceptExitCodes } from "../../platform/kernel/child-signal.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { loadConfigOf } from "./config.ts";
import { renderFindings, renderSummary } from "./findings.ts";

export const doctor = defineCommand({
  meta: {
    description:
      "Examines this host: the levels of isolation and the limits that it provides, the consequence of each gap, and its remedy. It tries each where possible and leaves nothing behind; it needs no server and no configuration. Run it as the user of the server. It fails when a service of the configuration needs something that is missing.\n--json prints {ok, config, findings: [{id, group, title, state, found, meaning, remedy, blocks}], gaps: [{service, need, finding}]}; state is ok, warning or missing, blocks names what is unavailable.",
    examples: ["doctor", "doctor --json"],
  },
  args: {},
  async run({ data: context }) {
    acceptExitCodes();
    const { config, failure } = await loadIfThere(context);
    const host = openHost({ dataDir: context.dataDir });
    const findings = [
      ...(await examineHost(host)),
      ...(config === null ? [] : examinePrograms(config, context.shell.env)),
      ...(config === null ? [] : examineConfigured(host, config)),
      ...(await examineServer(context)),
    ];
    const gaps = findUnmetNeeds(config?.services.values() ?? [], findings);
    const report = { config, findings, gaps };
    context.show(describe(report), () => {
      const text = renderFindings(findings, (each, colour) => context.paint(each, colour));
      return `${text}\n${renderSummary({ ...report, hasConfig: config !== null })}`;
    });
    const errors = [...(failure === null ? [] : [failure]), ...gaps.map(gapError)];
    if (errors.length > 0) throw new AggregateError(errors);
  },
});

function examineConfigured(host: Host, config: Config): readonly Finding[] {
  return [...examineTrustedProxies(host, config), ...examineOpenPorts(config)];
}

interface Loaded {
  /** Null: there is none, or it is invalid. */
  readonly config: Config | null;
  /** Why it is invalid. */
  readonly failure: unknown;
}

async function loadIfThere(context: Context): Promise<Loaded> {
  const { globals, shell } = context;
  try {
    if (!existsSync(locateConfig({ flag: globals.config, ...shell }))) throw new Error("none");
  } catch {
    return { config: null, failure: null };
  }
  return await loadConfigOf(context).then(
    (config) => ({ config, failure: null }),
    (failure: unknown) => ({ config: null, failure }),
  );
}

/** The server on this host, unless commands go to another. */
async function examineServer(context: Context): Promise<readonly Finding[]> {
  const finding = { id: "server", group: "server", title: "server" } as const;
  const { target } = context;
  if (target.kind !== "unix") return [];
  try {
    const instances = await context.client().call("listInstances", { query: { all: "true" } });
    const found = `runs, with ${instances.length} instances`;
    const open = [...new Set(instances.flatMap(({ gaps }) => gaps))];
    const exposed = instances.filter(({ warnings }) => warnings.includes(EXPOSED));
    return [
      fine({ ...finding, found }),
      ...open.map(describeOpenWall),
      ...describeExposed(exposed.map(({ id }) => id)),
    ];
  } catch (error) {
    return [
      {
        ...finding,
        state: "warning",
        found: existsSync(target.path) ? messageOf(error) : `none at ${target.path}`,
        meaning: "No instance is served from this data directory",
        remedy: "ten serve",
        blocks: [],
      },
    ];
  }
}

function describeOpenWall(gap: string, index: number): Finding {
  return {
    id: `server.wall-${index}`,
    group: "server",
    title: "running instances",
    state: "warning",
    found: gap,
    meaning: "A wall was missing when the server started them",
    remedy: "apply the remedies above, then restart the server",
    blocks: [],
  };
}

/** More would hide the rest of the report; ten ps shows all. */
const EXPOSED_MAX = 5;

function describeExposed(refs: readonly string[]): readonly Finding[] {
  if (refs.length === 0) return [];
  const more = refs.length > EXPOSED_MAX ? ` and ${refs.length - EXPOSED_MAX} more` : "";
  return [
    {
      id: "server.exposed",
      group: "server",
      title: "running instances",
      state: "warning",
      found: `${refs.slice(0, EXPOSED_MAX).join(", ")}${more} listen on all addresses`,
      meaning:
        "Other machines reach them past ten: without TLS, with any X-Forwarded-For, whatever the weights",
      remedy:
        'have them listen on 127.0.0.1\nrun the server as root, with nftables\nset network = "private" for these services\nclose the ports 30000 to 40000 to other machines',
      blocks: [],
    },
  ];
}

function describe(report: {
  readonly config: Config | null;
  readonly findings: readonly Finding[];
  readonly gaps: readonly UnmetNeed[];
}): unknown {
  return {
    ok: report.gaps.length === 0,
    config: report.config?.file ?? null,
    findings: report.findings,
    gaps: report.gaps.map(({ service, need, finding }) => ({ service, need, finding: finding.id })),
  };
}

function gapError({ service, need, finding: { title, found, remedy } }: UnmetNeed): TenError {
  const asked = `${renderNeed(need)} of service "${service}"`;
  return new TenError("LEVEL_MISSING", `Cannot provide ${asked}: ${title}: ${found}`, {
    ...(remedy === null ? {} : { hint: remedy.replaceAll("\n", "; or: ") }),
  });
}
