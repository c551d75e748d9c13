import { expect, test } from "bun:test";
import { LABEL, NOTES, problemsOf } from "./refusal.ts";

test.each<[string, string[]]>([
  // Types and ranges.
  [
    `${NOTES}idle_timeout = "5m"`,
    ['service.notes.idle_timeout: expected seconds, at least 0, got "5m"'],
  ],
  [
    `${NOTES}idle_timeout = -1`,
    ["service.notes.idle_timeout: expected seconds, at least 0, got -1"],
  ],
  [
    `${NOTES}idle_timeout = nan`,
    ["service.notes.idle_timeout: expected seconds, at least 0, got NaN"],
  ],
  [
    `${NOTES}idle_timeout = 2147484`,
    ["service.notes.idle_timeout: expected seconds, at most 2147483, got 2147484"],
  ],
  [
    `${NOTES}startup_timeout = 0`,
    ["service.notes.startup_timeout: expected seconds, at least 0.1, got 0"],
  ],
  [
    `${NOTES}cpu_shares = 0`,
    ["service.notes.cpu_shares: expected a whole number from 1 to 10000, got 0"],
  ],
  [
    `${NOTES}cpu_shares = 10001`,
    ["service.notes.cpu_shares: expected a whole number from 1 to 10000, got 10001"],
  ],
  [
    `${NOTES}max_instances = 1.5`,
    ["service.notes.max_instances: expected a whole number, at least 0, got 1.5"],
  ],
  [
    `${NOTES}memory_limit_mb = 0`,
    [
      "service.notes.memory_limit_mb: expected a whole number of megabytes from 1 to 8589934591, got 0",
    ],
  ],
  [`${NOTES}auto_create = "yes"`, ['service.notes.auto_create: expected true or false, got "yes"']],
  [
    `${NOTES}health = "health"`,
    ['service.notes.health: expected a path that starts with "/", got "health"'],
  ],
  [
    `${NOTES}health = 1979-05-27`,
    ['service.notes.health: expected a path that starts with "/", got a date'],
  ],
  [`${NOTES}args = "a"`, ['service.notes.args: expected a list of texts, got "a"']],
  [`${NOTES}args = ["a", 1]`, ["service.notes.args[1]: expected text, got 1"]],
  [
    `${NOTES}args = ["a\\u0000"]`,
    ['service.notes.args[0]: expected text without NUL, got "a\\u0000"'],
  ],
  [`${NOTES}env = { A = 1 }`, ["service.notes.env.A: expected text in quotes, got 1"]],
  [
    `${NOTES}env = { "A B" = "1" }`,
    [
      'service.notes.env."A B": expected a name of letters, digits, _, . and -, not starting with a digit, . or -, got "A B"',
    ],
  ],
  ["[service.notes]", ["service.notes.command: missing, expected a program and its arguments"]],
  [
    '[service.notes]\ncommand = ""',
    ['service.notes.command: expected a program and its arguments, got ""'],
  ],
  ["service = 3", ["service: expected a table, got 3"]],
  ["[service]\nnotes = []", ["service.notes: expected a table, got a list"]],
  ["[settings]\ntls = true", ["settings.tls: expected a table, got true"]],
  [
    "[settings]\nbackoff_max_ms = 500",
    ["settings.backoff_max_ms: expected at least backoff_base_ms, which is 1000, got 500"],
  ],
  [
    "[settings.tls]\nhttp_port = 70000",
    ["settings.tls.http_port: expected a whole number from 1 to 65535, got 70000"],
  ],
  [
    "[settings.tls]\nhttp_port = 1\nhttps_port = 1",
    ["settings.tls.http_port: expected another port than https_port, got 1"],
  ],
  [
    '[settings.tls]\nacme_email = "admin"',
    ['settings.tls.acme_email: expected an e-mail address, got "admin"'],
  ],
  ['[settings.tls]\ndomain = "-x"', ['settings.tls.domain: expected a domain name, got "-x"']],
  [
    '[settings]\ntrusted_proxies = ["proxy"]',
    ['settings.trusted_proxies[0]: expected an address or a CIDR block, got "proxy"'],
  ],
  [
    '[settings]\ntrusted_proxies = ["10.0.0.0/33"]',
    ['settings.trusted_proxies[0]: expected an address or a CIDR block, got "10.0.0.0/33"'],
  ],
  // Misspelt keys and values.
  [
    `${NOTES}idel_timeout = 5`,
    ['service.notes.idel_timeout: unknown key, did you mean "idle_timeout"?'],
  ],
  ["[services.notes]", ['services: unknown key, did you mean "service"?']],
  [
    "[settings.tls]\nemail = 1\ncache = 1",
    [
      "settings.tls.email: unknown key, expected one of enabled, acme_email, domain, https_port, http_port, staging, cache_dir, dns_provider",
      "settings.tls.cache: unknown key, expected one of enabled, acme_email, domain, https_port, http_port, staging, cache_dir, dns_provider",
    ],
  ],
  [
    `${NOTES}isolation = "namespaces"`,
    [
      'service.notes.isolation: expected one of process, namespace, sandbox, qemu, firecracker, got "namespaces", did you mean "namespace"?',
    ],
  ],
  [
    `${NOTES}isolation = "process"\nnetwork = "private"`,
    [
      'service.notes.network: expected isolation = "namespace" with it, since a process without walls has the host\'s network, got "private" alone',
    ],
  ],
  [
    `${NOTES}restart = 1`,
    ["service.notes.restart: expected one of always, on-failure, never, got 1"],
  ],
  [
    `${NOTES}stop_signal = "TERM"`,
    [
      'service.notes.stop_signal: expected one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, got "TERM"',
    ],
  ],
  // Names.
  ['[service.Notes]\ncommand = "app"', [`service.Notes: expected ${LABEL}, got "Notes"`]],
  ['[service."no.tes"]\ncommand = "app"', [`service."no.tes": expected ${LABEL}, got "no.tes"`]],
  [
    '[service.acme]\ncommand = "app"',
    [
      "service.acme: expected a name other than acme and api_token, which the server keeps its own files under",
    ],
  ],
  ['[service.__proto__]\ncommand = "app"', ["service.__proto__: expected another name"]],
  [`${NOTES}env = { __proto__ = "x" }`, ["service.notes.env.__proto__: expected another name"]],
])("refuses %j with the reason", (text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});

test("reports all problems together", () => {
  const text = `colour = 1\n${NOTES}idle_timeout = "5m"\nhealht = "/h"\nsocket = "{x}"\n[instances]\nx = ["a"]`;
  expect(problemsOf(text).map((line) => line.split(":")[0])).toEqual([
    "service.notes.idle_timeout",
    "service.notes.healht",
    "colour",
    "service.notes.socket",
    "instances.x",
  ]);
});

test("cuts a long value", () => {
  const [problem] = problemsOf(`${NOTES}idle_timeout = "${"x".repeat(500)}"`);
  expect(problem).toEndWith(`got "${"x".repeat(60)}…"`);
});
