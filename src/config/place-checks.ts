// Checks of workdir_writable and state_paths, with all paths absolute: neither covers what others or the server need.
import { SOFTWARE } from "../core/host-paths.ts";
import { isUnder } from "../core/paths.ts";
import { serverFiles } from "../core/server-files.ts";
import { type Config, hasOwnRoot, type Service } from "../core/service.ts";
import { renderFound } from "./document.ts";
import type { Problem } from "./problems.ts";

/** Each tenant has these of its own, and its kernel fills them. */
const SYSTEM = ["/proc", "/sys", "/dev"] as const;
const NO_WALLS = "none, since a process without walls may write what the server may";
const OWN_WORKDIR = 'workdir = "{data_dir}/{name}/{id}"';

export function checkPlaces(config: Config): Problem[] {
  return [...config.services.values()].flatMap((service) => [
    ...checkWorkdir(service, config),
    ...service.statePaths.flatMap((path, index) =>
      problemAt(service, ["state_paths", index], whyNotState(path, service, config), path),
    ),
  ]);
}

function checkWorkdir(service: Service, config: Config): Problem[] {
  if (!service.workdirWritable) return [];
  return problemAt(service, ["workdir_writable"], whyNotWritable(service, config), true);
}

/** What the configuration should hold instead; null: it is fine. */
function whyNotWritable(service: Service, { settings }: Config): string | null {
  const { isolation, workdir } = service;
  if (isolation === "process") return NO_WALLS;
  if (hasOwnRoot(service)) return "none, since a machine may change its image for itself anyhow";
  if (isolation === "sandbox")
    return `isolation = "namespace" or "qemu" with it, or instead of it ${OWN_WORKDIR}`;
  if (workdir.startsWith("{data_dir}") || isUnder(workdir, settings.dataDir))
    return "none, since the instance's own directory is writable anyhow";
  const software = SOFTWARE.find((path) => isUnder(path, workdir));
  if (software !== undefined || isUnder(workdir, "/etc"))
    return "a workdir of the application's own, not one of the system";
  return null;
}

function whyNotState(path: string, service: Service, config: Config): string | null {
  const { isolation, readPaths, writePaths, workdir } = service;
  if (isolation === "process") return NO_WALLS;
  if (isolation === "firecracker")
    return "none, since a machine of Firecracker has no other directory than {data_dir}/{name}/{id}";
  if (path.includes(":")) return "a path without a colon";
  const inner = SYSTEM.find((each) => isUnder(path, each));
  if (inner !== undefined) return `a path outside of ${inner}`;
  const covered = [...SOFTWARE, ...SYSTEM, workdir, ...readPaths].find((each) =>
    isUnder(each, path),
  );
  if (covered !== undefined) return `a path that does not cover ${covered}`;
  const other = service.statePaths.find((each) => each !== path && isUnder(path, each));
  if (other !== undefined) return `a path outside of ${other}, which is one of state_paths itself`;
  if (service.statePaths.indexOf(path) !== service.statePaths.lastIndexOf(path))
    return "each path once";
  const own = writePaths.find((each) => isUnder(each, path));
  if (own !== undefined) return `a path that does not cover ${own} of write_paths`;
  return whyTaken(path, config);
}

/** The paths of others, and of the server. */
function whyTaken(path: string, config: Config): string | null {
  const { services, settings } = config;
  for (const { name, writePaths } of services.values()) {
    const writable = writePaths.find((each) => isUnder(path, each));
    if (writable !== undefined)
      return `a path outside of ${writable}, one of write_paths in [service.${name}]`;
  }
  const { dataDir } = settings;
  if (isUnder(path, dataDir) || isUnder(dataDir, path))
    return `a path apart from data_dir, which is ${dataDir}`;
  const files = serverFiles(config, services.values());
  const file = files.find((each) => isUnder(each, path) || isUnder(path, each));
  return file === undefined ? null : `a path apart from the server's ${file}`;
}

function problemAt(
  { name }: Service,
  key: readonly (string | number)[],
  expected: string | null,
  found: unknown,
): Problem[] {
  if (expected === null) return [];
  const text = `expected ${expected}, got ${renderFound(found)}`;
  return [{ path: ["service", name, ...key], text }];
}
