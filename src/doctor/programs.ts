// Examines the programs of configured services: those that the walls hide from their tenants.
import { existsSync, realpathSync } from "node:fs";
import { parseEnvFile } from "../core/env-file.ts";
import type { Failure } from "../core/failure.ts";
import { type LaunchPlan, planLaunch } from "../core/launch-plan.ts";
import { serverFiles } from "../core/server-files.ts";
import { type Config, hasOwnRoot, type Service } from "../core/service.ts";
import type { View } from "../core/walls.ts";
import { hiddenInstallations, refuseHidden } from "../isolation/programs/hidden-programs.ts";
import { hostPrograms } from "../isolation/programs/host-programs.ts";
import { followCommand, withoutShims } from "../isolation/programs/program-chain.ts";
import { listSoftware } from "../isolation/walls/host-files.ts";
import { TenantPlaces } from "../isolation/walls/tenant-places.ts";
import { readText } from "../platform/files.ts";
import { commandOf, type Finding } from "./finding.ts";

export interface HiddenProgram {
  readonly service: string;
  readonly failure: Failure;
  /** The directories that make the programs visible. */
  readonly readPaths: readonly string[];
}

type Env = Readonly<Record<string, string | undefined>>;

/** The services whose instances would be refused for their programs; `env` is the server's. */
export function findHiddenPrograms(config: Config, env: Env): readonly HiddenProgram[] {
  const services = [...config.services.values()].filter(isWalled);
  if (services.length === 0) return [];
  const software = listSoftware();
  const isForeign = foreignTo(config);
  return services.flatMap((service) => {
    const programFiles = hostPrograms(isForeign);
    const plan = withoutShims(planOf(service, config, env), programFiles);
    const view = viewOf(service, plan, { config, software });
    const programs = followCommand(plan, programFiles);
    const failure = refuseHidden(service, programs, view);
    const readPaths = hiddenInstallations(programs, view);
    return failure === null ? [] : [{ service: service.name, failure, readPaths }];
  });
}

export function examinePrograms(config: Config, env: Env): readonly Finding[] {
  return findHiddenPrograms(config, env).map(({ failure, service }) => ({
    id: `program.${service}`,
    group: "namespace",
    title: `command of ${service}`,
    state: "missing",
    found: failure.reason,
    meaning: "Its instances are refused before they start",
    remedy: failure.hint,
    blocks: [commandOf({ name: service })],
  }));
}

function isWalled(service: Service): boolean {
  return process.platform === "linux" && service.isolation !== "process" && !hasOwnRoot(service);
}

/** As an instance would start; which one does not matter. */
function planOf(service: Service, { settings: { dataDir } }: Config, env: Env): LaunchPlan {
  const text = service.envFile === null ? null : readText(service.envFile);
  const parsed = parseEnvFile(text ?? "");
  return planLaunch({
    service,
    ref: { service: service.name, id: "alice" },
    slot: 0,
    dataDir,
    port: 0,
    extraPorts: Array<number>(service.extraPorts ?? 0).fill(0),
    serverEnv: env,
    storedEnv: {},
    fileEnv: parsed.kind === "env" ? parsed.env : {},
  });
}

/** Whether a tenant may have made a file. Before the first start there is no data directory, and no tenant. */
function foreignTo({ services, settings: { dataDir } }: Config): (path: string) => boolean {
  if (!existsSync(dataDir)) return () => false;
  const writePaths = [...services.values()].flatMap((service) => service.writePaths);
  const places = new TenantPlaces({ dataDir, writePaths });
  return (path) => places.contains(path);
}

/** The view of a launch, without the links, which depend on the programs themselves. */
function viewOf(
  service: Service,
  { cwd, instanceDir }: LaunchPlan,
  { config, software }: { config: Config; software: readonly string[] },
): View {
  return {
    dataDir: realOf(config.settings.dataDir),
    shown: service.show === "host" ? null : software,
    secrets: serverFiles(config, config.services.values()).map(realOf),
    read: [cwd, ...service.readPaths].flatMap((path) => [path, realOf(path)]),
    write: [instanceDir, ...service.writePaths].map(realOf),
  };
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
