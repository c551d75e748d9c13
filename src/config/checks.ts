// Checks beyond the schema: keys that must agree with each other, templates, paths, references to services.
// They read the document as written, so that their problems are reported together with those of the schema.
import { splitCommandLine } from "../core/command-line.ts";
import { isLabel, LABEL_RULE } from "../core/ref.ts";
import { defaultIsolation, EXTRA_PORTS_MAX } from "../core/service.ts";
import { renderSuggestion } from "../core/suggest.ts";
import {
  checkPlaceholders,
  PLACEHOLDERS,
  type Placeholder,
  portPlaceholder,
} from "../core/template.ts";
import { type KeyPath, renderFound, tildeProblem, valueAt } from "./document.ts";
import { checkMachine } from "./machine-checks.ts";
import { checkNestedPaths } from "./path-checks.ts";
import type { Problem } from "./problems.ts";

/** Names of the server's own files in `data_dir`, where each service has its directory. */
export const RESERVED_SERVICE_NAMES = ["acme", "api_token"] as const;

/** The problems of a document that the schema can't find. */
export function checkDocument(document: unknown): Problem[] {
  const services = tableAt(document, ["service"]);
  return [
    ...checkKeys(document, []),
    ...checkSettings(document),
    ...Object.keys(services).flatMap((name) => checkService(document, name)),
    ...checkNestedPaths(document, Object.keys(services)),
    ...Object.keys(tableAt(document, ["instances"])).flatMap((name) =>
      checkInstances(document, name),
    ),
    ...checkRouting(document),
  ];
}

/** The schema silently ignores a key `__proto__`, while it reports every other unknown key. */
function checkKeys(document: unknown, path: KeyPath): Problem[] {
  return Object.keys(tableAt(document, path)).flatMap((key) => {
    const inner = [...path, key];
    if (key !== "__proto__") return checkKeys(document, inner);
    return [{ path: inner, text: "expected another name" }];
  });
}

function checkSettings(document: unknown): Problem[] {
  const settings = ["settings"];
  const tls = [...settings, "tls"];
  const base = valueAt(document, [...settings, "backoff_base_ms"]) ?? 1000;
  const longest = valueAt(document, [...settings, "backoff_max_ms"]) ?? 60_000;
  const backwards = typeof base === "number" && typeof longest === "number" && longest < base;
  const ports = ["https_port", "http_port"].map((key) => valueAt(document, [...tls, key]));
  return [
    ...checkPath(document, { path: [...settings, "data_dir"], allowed: [] }),
    ...checkPath(document, { path: [...tls, "cache_dir"], allowed: ["data_dir"] }),
    ...problemIf(backwards, {
      path: [...settings, "backoff_max_ms"],
      text: `expected at least backoff_base_ms, which is ${base}, got ${longest}`,
    }),
    ...problemIf(typeof ports[0] === "number" && ports[0] === ports[1], {
      path: [...tls, "http_port"],
      text: `expected another port than https_port, got ${ports[0]}`,
    }),
  ];
}

function checkService(document: unknown, name: string): Problem[] {
  const path = ["service", name];
  const withoutCap =
    valueAt(document, [...path, "auto_create"]) === true &&
    (valueAt(document, [...path, "max_instances"]) ?? 0) === 0;
  const enforce = valueAt(document, [...path, "storage_enforce"]) ?? "warn";
  const withoutQuota =
    enforce !== "warn" && valueAt(document, [...path, "storage_quota_mb"]) === undefined;
  const isolation = valueAt(document, [...path, "isolation"]) ?? defaultIsolation(process.platform);
  const withoutWalls =
    isolation === "process" && valueAt(document, [...path, "network"]) === "private";
  return [
    ...problemIf((RESERVED_SERVICE_NAMES as readonly string[]).includes(name), {
      path,
      text: `expected a name other than ${RESERVED_SERVICE_NAMES.join(" and ")}, which the server keeps its own files under`,
    }),
    ...checkCommand(document, path),
    ...checkTemplates(document, path),
    ...problemIf(withoutWalls, {
      path: [...path, "network"],
      text: 'expected isolation = "namespace" with it, since a process without walls has the host\'s network, got "private" alone',
    }),
    ...checkMachine(document, path),
    ...problemIf(withoutQuota, {
      path: [...path, "storage_enforce"],
      text: `expected storage_quota_mb with it, got ${renderFound(enforce)} alone`,
    }),
    ...problemIf(withoutCap, {
      path: [...path, "max_instances"],
      text: "expected at least 1, since auto_create lets any request add an instance, got 0",
    }),
  ];
}

function checkCommand(document: unknown, service: KeyPath): Problem[] {
  const path = [...service, "command"];
  const command = valueAt(document, path);
  if (typeof command !== "string" || command === "") return [];
  if (valueAt(document, [...service, "args"]) !== undefined) {
    return checkPath(document, { path, allowed: placeholdersIn(document, service) });
  }
  const split = splitCommandLine(command);
  const texts =
    split.kind === "argv"
      ? split.argv.flatMap((word) => checkPlaceholders(word, placeholdersIn(document, service)))
      : split.problems;
  return texts.map((text) => ({ path, text }));
}

/** The placeholders of a service; those of ports as many as it has. */
function placeholdersIn(document: unknown, service: KeyPath): readonly Placeholder[] {
  const count = Number(valueAt(document, [...service, "extra_ports"]) ?? 0);
  // The schema reports any other number.
  const length = count >= 0 && count <= EXTRA_PORTS_MAX ? count : EXTRA_PORTS_MAX;
  return [...PLACEHOLDERS, ...Array.from({ length }, (_, at) => portPlaceholder(at + 1))];
}

function checkTemplates(document: unknown, service: KeyPath): Problem[] {
  const lists = ["read_paths", "write_paths", "state_paths"].flatMap((key) =>
    elementPaths(document, [...service, key]),
  );
  const args = elementPaths(document, [...service, "args"]);
  const env = Object.keys(tableAt(document, [...service, "env"])).map((key) => [
    ...service,
    "env",
    key,
  ]);
  const allowed = placeholdersIn(document, service);
  // The socket's path can't contain itself.
  const inSocket = allowed.filter((name) => name !== "socket");
  return [
    ...checkPath(document, { path: [...service, "workdir"], allowed }),
    ...checkPath(document, { path: [...service, "socket"], allowed: inSocket }),
    ...["env_file", "kernel", "rootfs"].flatMap((key) =>
      checkPath(document, { path: [...service, key], allowed: [] }),
    ),
    ...lists.flatMap((path) => checkPath(document, { path, allowed: [] })),
    ...[...args, ...env].flatMap((path) => checkTemplate(document, { path, allowed })),
  ];
}

interface TemplateRule {
  readonly path: KeyPath;
  readonly allowed: readonly Placeholder[];
}

function checkPath(document: unknown, rule: TemplateRule): Problem[] {
  const value = valueAt(document, rule.path);
  const text = tildeProblem(value);
  return [
    ...problemIf(typeof value === "string" && value.startsWith("~"), { path: rule.path, text }),
    ...checkTemplate(document, rule),
  ];
}

function checkTemplate(document: unknown, { path, allowed }: TemplateRule): Problem[] {
  const value = valueAt(document, path);
  if (typeof value !== "string") return [];
  return checkPlaceholders(value, allowed).map((text) => ({ path, text }));
}

function checkInstances(document: unknown, service: string): Problem[] {
  const path = ["instances", service];
  const ids = valueAt(document, path);
  const problems = checkServiceExists(document, { path, service });
  if (!Array.isArray(ids)) return problems;
  const most = valueAt(document, ["service", service, "max_instances"]);
  const tooMany = typeof most === "number" && most > 0 && ids.length > most;
  return [
    ...problems,
    ...ids.flatMap((id: unknown, index) =>
      problemIf(ids.indexOf(id) < index, {
        path: [...path, index],
        text: `expected each id once, got ${renderFound(id)} again`,
      }),
    ),
    ...problemIf(tooMany, {
      path,
      text: `expected at most ${most} ids, the service's max_instances, got ${ids.length}`,
    }),
  ];
}

function checkRouting(document: unknown): Problem[] {
  const subdomains = Object.keys(tableAt(document, ["routing", "subdomain"]));
  const prefixes = Object.keys(tableAt(document, ["routing", "path"]));
  return [
    ...checkTarget(document, ["routing", "default"]),
    ...subdomains.flatMap((name) => checkSubdomain(document, name)),
    ...prefixes.flatMap((prefix) => checkPrefix(document, { prefix, prefixes })),
  ];
}

function checkSubdomain(document: unknown, name: string): Problem[] {
  const path = ["routing", "subdomain", name];
  const text = `expected names joined by ".", each of ${LABEL_RULE}, got ${renderFound(name)}`;
  return [
    ...problemIf(!name.split(".").every(isLabel), { path, text }),
    ...checkTarget(document, path),
  ];
}

function checkPrefix(
  document: unknown,
  { prefix, prefixes }: { prefix: string; prefixes: readonly string[] },
): Problem[] {
  const path = ["routing", "path", prefix];
  const twin = prefixes.find(
    (other) => other !== prefix && trimPrefix(other) === trimPrefix(prefix),
  );
  return [
    ...problemIf(!/^\/[!-~]*$/.test(prefix) || /[?#]/.test(prefix), {
      path,
      text: `expected a path that starts with "/", without query, got ${renderFound(prefix)}`,
    }),
    ...problemIf(twin !== undefined && prefixes.indexOf(prefix) > prefixes.indexOf(twin), {
      path,
      text: `expected each path once, got the same as ${renderFound(twin)}`,
    }),
    ...checkTarget(document, path),
  ];
}

/** A path prefix as it is compared: `/api/` becomes `/api`; the root stays `/`. */
export function trimPrefix(prefix: string): string {
  return prefix.replace(/\/+$/, "") || "/";
}

function checkTarget(document: unknown, path: KeyPath): Problem[] {
  const target = valueAt(document, path);
  if (typeof target !== "string" || target === "") return [];
  const [service = "", id, ...rest] = target.split(":");
  if (rest.length > 0 || (id !== undefined && !isLabel(id))) {
    const text = `expected "service" or "service:id", the id of ${LABEL_RULE}, got ${renderFound(target)}`;
    return [{ path, text }];
  }
  return checkServiceExists(document, { path, service });
}

function checkServiceExists(
  document: unknown,
  { path, service }: { path: KeyPath; service: string },
): Problem[] {
  const services = Object.keys(tableAt(document, ["service"]));
  if (services.includes(service)) return [];
  const text = `expected a defined service, got ${renderFound(service)}${renderSuggestion(service, services)}`;
  return [{ path, text }];
}

function problemIf(wrong: boolean, problem: Problem): Problem[] {
  return wrong ? [problem] : [];
}

function tableAt(document: unknown, path: KeyPath): Readonly<Record<string, unknown>> {
  const value = valueAt(document, path);
  const isTable = typeof value === "object" && value !== null && !Array.isArray(value);
  return isTable ? (value as Record<string, unknown>) : {};
}

function elementPaths(document: unknown, path: KeyPath): KeyPath[] {
  const value = valueAt(document, path);
  return Array.isArray(value) ? value.map((_, index) => [...path, index]) : [];
}
