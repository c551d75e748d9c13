// Every key of `tenement.toml`: its type, range, default and meaning. Checks, documentation and JSON Schema come from here.
import { isIP } from "node:net";
import { z } from "zod";
import { ENV_NAME_RULE, isEnvName } from "../core/env-file.ts";
import { LABEL_RULE } from "../core/ref.ts";
import { ISOLATION_LEVELS, RESTART_POLICIES, STOP_SIGNALS } from "../core/service.ts";

export const DEFAULT_ISOLATION = "process" satisfies (typeof ISOLATION_LEVELS)[number];

export const DNS_PROVIDERS = ["cloudflare", "route53", "digitalocean"] as const;

export const BYTES_PER_MEGABYTE = 1024 ** 2;
export const MS_PER_DAY = 24 * 60 * 60 * 1000;

/** Timers count milliseconds in 31 bits; a longer one would fire at once. */
export const TIMER_MS_MAX = 2_147_483_647;
const TIMER_SECONDS_MAX = Math.floor(TIMER_MS_MAX / 1000);
/** Beyond it a size in bytes is no longer exact. */
const MEGABYTES_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BYTES_PER_MEGABYTE);
/** A hundred years: a date beyond it is a slip, not a wish. */
const DAYS_MAX = 36_500;

const LABEL_PATTERN = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL ends a string for the operating system, so none may hold one.
const NO_NUL = /^[^\u0000]*$/;

/** What a value must be, in the words of an error message. Every issue of the value says the same. */
const number = (unit: string, { min, max }: { min: number; max: number }) =>
  z
    .number({ error: `expected ${unit}, at least ${min}` })
    .min(min, { error: `expected ${unit}, at least ${min}` })
    .max(max, { error: `expected ${unit}, at most ${max}` });

const seconds = ({ min }: { min: number }) => number("seconds", { min, max: TIMER_SECONDS_MAX });

const whole = ({ min, max, unit }: { min: number; max?: number; unit?: string }) => {
  const of = unit === undefined ? "a whole number" : `a whole number of ${unit}`;
  const error =
    max === undefined ? `expected ${of}, at least ${min}` : `expected ${of} from ${min} to ${max}`;
  return z
    .int({ error })
    .min(min, { error })
    .max(max ?? Number.MAX_SAFE_INTEGER, { error });
};

const flag = () => z.boolean({ error: "expected true or false" });

const text = (expected: string, pattern = NO_NUL) =>
  z
    .string({ error: `expected ${expected}` })
    .min(1, { error: `expected ${expected}` })
    .regex(pattern, { error: `expected ${expected}` });

const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `expected one of ${values.join(", ")}` });

const list = <T extends z.ZodType>(item: T, expected: string) =>
  z.array(item, { error: `expected ${expected}` });

const TABLE = { error: "expected a table" };
const label = () => text(LABEL_RULE, LABEL_PATTERN);
const target = () => text('"service" or "service:id"');
const path = () => text("a path");

const tls = z.strictObject(
  {
    enabled: flag().default(false).describe("Serve HTTPS, with certificates by ACME."),
    acme_email: text("an e-mail address", /^[^\s@]+@[^\s@]+$/)
      .optional()
      .describe("Address that the certificate authority may write to."),
    domain: text(
      "a domain name",
      /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
    )
      .optional()
      .describe("Domain that the certificates are for."),
    https_port: whole({ min: 1, max: 65535 }).default(443).describe("Port of HTTPS."),
    http_port: whole({ min: 1, max: 65535 })
      .default(80)
      .describe("Port of plain HTTP: redirects and HTTP-01 challenges."),
    staging: flag().default(false).describe("Use the authority's staging service, for trying out."),
    cache_dir: path()
      .default("{data_dir}/acme")
      .describe("Where certificates and keys are kept. `{data_dir}` works here."),
    dns_provider: choice(DNS_PROVIDERS)
      .optional()
      .describe("Who answers DNS-01 challenges, which wildcard certificates need."),
  },
  TABLE,
);

const settings = z.strictObject(
  {
    data_dir: path()
      .default("./tenement-data")
      .describe(
        "State, tokens and certificates; each instance's files are at `{data_dir}/{service}/{id}/`.",
      ),
    health_check_interval: seconds({ min: 0.1 })
      .default(10)
      .describe("Seconds between two health checks of a running instance."),
    max_restarts: whole({ min: 0 })
      .default(3)
      .describe("Restarts within `restart_window`; one more and the instance is failed."),
    restart_window: seconds({ min: 1 })
      .default(300)
      .describe("Seconds over which restarts are counted."),
    backoff_base_ms: whole({ min: 1, max: TIMER_MS_MAX, unit: "milliseconds" })
      .default(1000)
      .describe(
        "Delay before the first restart; it doubles with each further one, with up to 10 % jitter.",
      ),
    backoff_max_ms: whole({ min: 1, max: TIMER_MS_MAX, unit: "milliseconds" })
      .default(60_000)
      .describe("The longest delay before a restart."),
    max_running: whole({ min: 0 })
      .default(0)
      .describe(
        "Instances that may run at once; at the cap the least recently used idle one sleeps to make room. 0: no cap.",
      ),
    max_starting: whole({ min: 1 })
      .default(8)
      .describe(
        "Instances that may start at once; the rest queue, requests before boot-time starts.",
      ),
    trusted_proxies: list(
      text("an address or a CIDR block").refine(isAddressBlock, {
        error: "expected an address or a CIDR block",
      }),
      "a list of addresses or CIDR blocks",
    )
      .default([])
      .describe("Addresses or CIDR blocks whose `X-Forwarded-*` headers are believed."),
    log_retention_days: number("days", { min: 1, max: DAYS_MAX })
      .default(7)
      .describe("Days for which log lines are kept."),
    log_max_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .default(1024)
      .describe("Size of the log archive; the oldest lines go first."),
    tls: tls.prefault({}).describe("HTTPS by ACME."),
  },
  TABLE,
);

const service = z.strictObject(
  {
    command: text("a program and its arguments").describe(
      "Program and arguments, split as a shell would split them; no shell runs. With `args`, the program alone.",
    ),
    args: list(
      z.string({ error: "expected text" }).regex(NO_NUL, { error: "expected text without NUL" }),
      "a list of texts",
    )
      .optional()
      .describe("Arguments, one by one. Turns the splitting of `command` off."),
    workdir: path().default(".").describe("Working directory, relative to the configuration file."),
    health: text('a path that starts with "/"', /^\/[!-~]*$/)
      .optional()
      .describe(
        "Path that answers 200 to 299 when the instance is well. Not set: well means that it accepts connections.",
      ),
    isolation: choice(ISOLATION_LEVELS)
      .default(DEFAULT_ISOLATION)
      .describe(
        "How high the walls between tenants are: `process`, none but the process group; `namespace`, on Linux, files, processes and users of their own. The others are refused by this version.",
      ),
    idle_timeout: seconds({ min: 0 })
      .default(300)
      .describe(
        "Seconds without an open request after which the instance sleeps. 0: it never sleeps.",
      ),
    startup_timeout: seconds({ min: 0.1 })
      .default(10)
      .describe("Seconds from the start of the process to its first good health check."),
    request_timeout: seconds({ min: 0 })
      .default(30)
      .describe(
        "Seconds until the response headers must have arrived, wake time not counted. 0: none.",
      ),
    stop_signal: choice(STOP_SIGNALS)
      .default("SIGTERM")
      .describe("Signal that asks the application to stop."),
    stop_timeout: seconds({ min: 0 })
      .default(10)
      .describe(
        "Seconds that open requests, and then the application, get to finish before SIGKILL.",
      ),
    storage_persist: flag()
      .default(true)
      .describe(
        "Keep the data directory. false: it is deleted whenever the instance stops or sleeps.",
      ),
    restart: choice(RESTART_POLICIES)
      .default("on-failure")
      .describe("Which exits are followed by a restart: all, those with a failure, or none."),
    auto_create: flag()
      .default(false)
      .describe("Let a request for an unknown id register it. Needs `max_instances`."),
    max_instances: whole({ min: 0 })
      .default(0)
      .describe("Instances that may be registered. 0: no cap."),
    socket: path()
      .default("/tmp/tenement/{name}-{id}.sock")
      .describe(
        "Path of the Unix socket that the application may listen on, handed over as `SOCKET_PATH`.",
      ),
    env_file: path()
      .optional()
      .describe("File of `KEY=VALUE` lines, relative to the configuration file."),
    waiting_page: flag()
      .default(true)
      .describe("Show browsers a page that reloads itself while an instance takes long to wake."),
    memory_limit_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .optional()
      .describe("Memory that the instance and all it starts may use. Not set: no limit."),
    cpu_shares: whole({ min: 1, max: 10_000 })
      .optional()
      .describe(
        "Share of the processor against other instances (cgroup v2 `cpu.weight`). Not set: the system's default.",
      ),
    storage_quota_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .optional()
      .describe("Size of the data directory. Not set: no quota."),
    read_paths: list(path(), "a list of paths")
      .default([])
      .describe("Directories that a walled tenant may read although they lie under a hidden one."),
    write_paths: list(path(), "a list of paths")
      .default([])
      .describe("Directories that a walled tenant may also write."),
    env: z
      .record(
        text(`a name of ${ENV_NAME_RULE}`).refine(isEnvName, {
          error: `expected a name of ${ENV_NAME_RULE}`,
        }),
        z
          .string({ error: "expected text in quotes" })
          .regex(NO_NUL, { error: "expected text without NUL" }),
        TABLE,
      )
      .default({})
      .describe("Environment of the application."),
  },
  TABLE,
);

const routing = z.strictObject(
  {
    default: target().optional().describe("Where requests for the root domain go."),
    subdomain: z
      .record(text("a subdomain"), target(), TABLE)
      .default({})
      .describe("Subdomain of the root domain to where its requests go."),
    path: z
      .record(text("a path"), target(), TABLE)
      .default({})
      .describe(
        "Path prefix on the root domain to where its requests go. The longest prefix wins, on segment boundaries.",
      ),
  },
  TABLE,
);

export const configSchema = z.strictObject(
  {
    settings: settings.prefault({}).describe("The server."),
    service: z
      .record(label(), service, TABLE)
      .default({})
      .describe("Services: templates of instances, by name."),
    instances: z
      .record(label(), list(label(), "a list of ids"), TABLE)
      .default({})
      .describe(
        "Service name to the ids of instances that are registered and started when the server starts.",
      ),
    routing: routing
      .prefault({})
      .describe("Where hosts and paths lead that name no instance themselves."),
  },
  TABLE,
);

/** The file as checked, with its own key names and units. */
export type ConfigFile = z.output<typeof configSchema>;
export type ServiceTable = ConfigFile["service"][string];
export type SettingsTable = ConfigFile["settings"];

function isAddressBlock(block: string): boolean {
  const [address = "", bits, ...rest] = block.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
