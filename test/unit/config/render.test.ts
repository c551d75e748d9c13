import { expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/config.ts";
import { planConfigTable, renderConfig } from "../../../src/config/render.ts";

const FULL = `
[settings]
data_dir = "state"
health_check_interval = 0.5
max_restarts = 0
trusted_proxies = ["10.0.0.0/8"]
log_retention_days = 1.5
[settings.tls]
enabled = true
domain = "example.com"
[service.api]
command = "run 'a b' {port}"
health = "/health"
memory_limit_mb = 64
env_file = ".env"
read_paths = ["lib"]
[service.api.env]
APP_NAME = 'say "hi" {id}'
[service.site]
command = "site"
[instances]
api = ["prod", "staging"]
[routing]
default = "site"
[routing.subdomain]
admin = "api:prod"
[routing.path]
"/api" = "api"
`;

test.each(["", FULL])("the rendered configuration parses to the same configuration", (text) => {
  const config = parseConfig(text, { file: "/srv/tenement.toml" });
  const again = parseConfig(renderConfig(config), { file: "/srv/tenement.toml" });
  expect(again).toEqual(config);
});

test("masks secrets in both forms", () => {
  const config = parseConfig(
    `[service.a]
    command = "a"
    [service.a.env]
    API_KEY = "hunter2"
    DATABASE_URL = "postgres://app:hunter2@db/app"
    MODE = "fast"`,
    { file: "/srv/tenement.toml" },
  );
  const table = planConfigTable(config);
  for (const text of [renderConfig(config), JSON.stringify(table)]) {
    expect(text).not.toContain("hunter2");
    expect(text).toContain("postgres://app:********@db/app");
    expect(text).toContain("fast");
  }
});

test("the table has the keys and units of the file, and omits keys that are not set", () => {
  const config = parseConfig(FULL, { file: "/srv/tenement.toml" });
  expect(planConfigTable(config)).toMatchObject({
    settings: { data_dir: "/srv/state", health_check_interval: 0.5, max_restarts: 0 },
    service: {
      api: { command: "run", args: ["a b", "{port}"], idle_timeout: 300, memory_limit_mb: 64 },
    },
    instances: { api: ["prod", "staging"] },
    routing: { default: "site", subdomain: { admin: "api:prod" }, path: { "/api": "api" } },
  });
  expect(JSON.stringify(planConfigTable(config))).not.toContain("cpu_shares");
});
