import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/config.ts";
import { planJsonSchema } from "../../../src/config/json-schema.ts";
import {
  effectiveConfig,
  isEmptyPlan,
  launchShape,
  planReload,
} from "../../../src/core/reload-plan.ts";
import type { Config } from "../../../src/core/service.ts";

const FILE = "/etc/ten/tenement.toml";
const parse = (text: string): Config => parseConfig(text, { file: FILE });
const plan = (before: string, after: string) => planReload(parse(before), parse(after));

/** A valid value for each key that its default is not; the level must provide what some of them need. */
const SERVICE = {
  command: '"other"',
  args: '["-v"]',
  workdir: '"elsewhere"',
  workdir_writable: "true",
  health: '"/health"',
  isolation: '"sandbox"',
  idle_timeout: "1",
  idle_websocket_timeout: "1",
  startup_timeout: "1",
  request_timeout: "1",
  stop_signal: '"SIGINT"',
  stop_timeout: "1",
  storage_persist: "false",
  restart: '"always"',
  auto_create: "true",
  max_instances: "5",
  max_concurrent: "5",
  socket: '"/tmp/other-{id}.sock"',
  env_file: '".env"',
  env: '{ A = "1" }',
  waiting_page: "false",
  pages: '"./own"',
  memory_limit_mb: "64",
  cpu_shares: "50",
  pids_limit: "64",
  cpu_limit: "0.5",
  io_weight: "50",
  storage_quota_mb: "10",
  storage_enforce: '"stop"',
  show: '"host"',
  read_paths: '["/srv"]',
  write_paths: '["/srv"]',
  state_paths: '["/var/lib/app"]',
  network: '"private"',
  extra_ports: "2",
  bind: '"any"',
  seccomp: '"permissive"',
  allow_metadata: "true",
  rollout: '"replace"',
  qemu_accel: '"tcg"',
  kernel: '"/boot/kernel"',
  rootfs: '"/boot/rootfs"',
  memory_mb: "512",
  vcpus: "2",
} as const;

const SETTINGS = {
  data_dir: '"./other"',
  health_check_interval: "3",
  max_restarts: "9",
  restart_window: "9",
  backoff_base_ms: "9",
  backoff_max_ms: "90000",
  max_running: "9",
  max_starting: "9",
  trusted_proxies: '["10.0.0.0/8"]',
  max_connections: "9",
  max_connections_per_address: "9",
  buffer_limit_mb: "9",
  log_retention_days: "9",
  log_max_mb: "9",
} as const;

const TLS = {
  enabled: "true",
  acme_email: '"a@example.com"',
  domain: '"example.com"',
  https_port: "8443",
  http_port: "8080",
  staging: "true",
  cache_dir: '"/srv/acme"',
  dns_provider: '"route53"',
} as const;

/** What some keys are refused without. */
const COMPANIONS: Readonly<Record<string, string>> = {
  auto_create: "max_instances = 1",
  network: 'isolation = "namespace"',
  workdir_writable: 'workdir = "/srv/app"\nisolation = "namespace"',
  state_paths: 'isolation = "namespace"',
  storage_enforce: "storage_quota_mb = 10",
};

/** They shape virtual machines only. */
const MACHINE = ["qemu_accel", "kernel", "rootfs", "memory_mb", "vcpus"];

function serviceText(key: string, value: string | null): string {
  const command = key === "command" && value !== null ? "" : 'command = "app"\n';
  const companion = COMPANIONS[key] ?? "";
  return `[service.notes]\n${command}${companion}\n${value === null ? "" : `${key} = ${value}`}`;
}

describe("planReload() detects a change of", () => {
  const { properties = {} } = planJsonSchema();
  const table = properties["service"]?.additionalProperties;
  const service = (table === false ? {} : table?.properties) ?? {};
  // `pages` of the settings is the default of each service's.
  const { pages: _, tls, ...settings } = properties["settings"]?.properties ?? {};

  test("every key of the schema, which these tests list", () => {
    expect(Object.keys(SERVICE).sort()).toEqual(Object.keys(service).sort());
    expect(Object.keys(SETTINGS).sort()).toEqual(Object.keys(settings).sort());
    expect(Object.keys(TLS).sort()).toEqual(Object.keys(tls?.properties ?? {}).sort());
  });

  test.each(Object.entries(SERVICE))("[service] %s", (key, value) => {
    const { changed, ...rest } = plan(serviceText(key, null), serviceText(key, value));
    const [change] = changed;
    expect(change?.service).toBe("notes");
    expect([...(change?.now ?? []), ...(change?.launch ?? [])]).toEqual([
      key === "args" ? "command" : key,
    ]);
    expect(rest).toMatchObject({ added: [], removed: [], settings: [], server: [] });
  });

  test.each(Object.entries(SETTINGS))("[settings] %s", (key, value) => {
    const changed = plan(
      serviceText("", null),
      `[settings]\n${key} = ${value}\n${serviceText("", null)}`,
    );
    expect([...changed.settings, ...changed.server]).toContain(key);
    expect(changed.changed).toEqual([]);
  });

  test.each(Object.entries(TLS))("[settings.tls] %s", (key, value) => {
    const base = "[settings.tls]\n";
    const companions =
      key === "enabled" ? 'acme_email = "a@b.example"\ndomain = "b.example"\n' : "";
    expect(plan(base + companions, `${base}${companions}${key} = ${value}`).server).toEqual([
      `tls.${key}`,
    ]);
  });
});

test("plans nothing for an equal configuration, in whatever order it is written", () => {
  const before = '[service.notes]\ncommand = "app -v"\nenv = { A = "1", B = "2" }';
  const after = '[service.notes]\nenv = { B = "2", A = "1" }\ncommand = "app"\nargs = ["-v"]';
  expect(isEmptyPlan(plan(before, after))).toBe(true);
});

test("lists added, changed and removed services", () => {
  const before =
    '[service.a]\ncommand = "a"\n[service.b]\ncommand = "b"\n[service.c]\ncommand = "c"';
  const after =
    '[service.b]\ncommand = "b"\nidle_timeout = 1\nenv = { A = "1" }\n[service.c]\ncommand = "c"\n[service.d]\ncommand = "d"';
  expect(plan(before, after)).toMatchObject({
    added: ["d"],
    removed: ["a"],
    changed: [{ service: "b", now: ["idle_timeout"], launch: ["env"], start: [] }],
  });
});

test("the size of a volume takes effect at the next start from rest", () => {
  const service = '[service.a]\ncommand = "a"\nstorage_quota_mb = ';
  const hard = '\nstorage_enforce = "hard"';
  expect(plan(`${service}10`, `${service}20`).changed).toMatchObject([
    { now: ["storage_quota_mb"], start: [] },
  ]);
  expect(plan(`${service}10${hard}`, `${service}20${hard}`).changed).toMatchObject([
    { now: [], start: ["storage_quota_mb"] },
  ]);
  expect(plan(`${service}10`, `${service}10${hard}`).changed).toMatchObject([
    { now: [], start: ["storage_enforce"] },
  ]);
});

test("starts only newly listed instances", () => {
  const services = '[service.a]\ncommand = "a"\n';
  const before = `${services}[instances]\na = ["x", "y"]`;
  const after = `${services}[instances]\na = ["y", "z"]`;
  expect(plan(before, after).instances).toEqual([{ service: "a", id: "z" }]);
});

test("compares routing by value", () => {
  const services = '[service.a]\ncommand = "a"\n';
  const path = '[routing.path]\n"/x" = "a"\n';
  const both = '[routing.subdomain]\nu = "a"\nv = "a"\n';
  const turned = '[routing.subdomain]\nv = "a"\nu = "a"\n';
  expect(plan(services + path, `${services}[routing]\ndefault = "a"\n${path}`).routing).toEqual([
    "default",
  ]);
  expect(plan(services + both, services + turned).routing).toEqual([]);
  expect(plan(services, services + both + path).routing).toEqual(["subdomain", "path"]);
});

test("the effective configuration keeps the old keys that need a new server, so that the next plan lists them again", () => {
  const before = parse("");
  const after = parse('[settings]\ndata_dir = "/srv"\nmax_running = 5');
  const effective = effectiveConfig(before, after);
  expect(effective.settings).toMatchObject({
    dataDir: before.settings.dataDir,
    tls: before.settings.tls,
    maxRunning: 5,
  });
  expect(planReload(effective, after)).toMatchObject({
    settings: [],
    server: ["data_dir", "tls.cache_dir"],
  });
});

describe("the launch shape", () => {
  const shapeOf = (keys: string) => {
    const service = parse(`[service.a]\ncommand = "a"\n${keys}`).services.get("a");
    return service === undefined ? "" : launchShape(service);
  };

  test.each(Object.entries(SERVICE))(
    "changes with %s exactly where the reload plan asks for a launch",
    (key, value) => {
      if (key === "command" || key === "args") return;
      const companion = COMPANIONS[key] ?? "";
      const before = `[service.a]\ncommand = "a"\n${companion}`;
      const [change] = plan(before, `${before}\n${key} = ${value}`).changed;
      const isShaping = change?.launch.includes(key) === true && !MACHINE.includes(key);
      expect(shapeOf(`${companion}\n${key} = ${value}`) !== shapeOf(companion)).toBe(isShaping);
    },
  );

  test("does not depend on the order of keys, and includes machine settings only for virtual machines", () => {
    expect(shapeOf('env = { A = "1", B = "2" }')).toBe(shapeOf('env = { B = "2", A = "1" }'));
    expect(shapeOf('env = { A = "1" }')).not.toBe(shapeOf('env = { A = "2" }'));
    const machine = 'isolation = "qemu"\n';
    expect(shapeOf(`${machine}vcpus = 2`)).not.toBe(shapeOf(machine));
  });
});
