// The schema of `tenement.toml`: type, range, default and meaning of every key, for checks and documentation.
import { isIP } from "node:net";
import { z } from "zod";
import { service } from "./schema-service.ts";
import {
  choice,
  DAYS_MAX,
  flag,
  label,
  list,
  MEGABYTES_MAX,
  number,
  path,
  seconds,
  TABLE,
  TIMER_MS_MAX,
  target,
  text,
  whole,
} from "./schema-values.ts";

export const DNS_PROVIDERS = ["cloudflare", "route53", "digitalocean"] as const;

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
    backoff_base_ms: whole({ min: 0, max: TIMER_MS_MAX, unit: "milliseconds" })
      .default(1000)
      .describe(
        "Delay before the first restart; it doubles with each further one, with up to 10 % jitter. 0: no delay.",
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
        "Instances that may be launched at once, each until a second after its spawn; the rest queue, requests before boot-time starts, and services take turns.",
      ),
    pages: path()
      .optional()
      .describe(
        "Directory with your own `waiting.html`, `asleep.html` and `error.html`, for the instances of all services that set none.",
      ),
    trusted_proxies: list(
      text("an address or a CIDR block").refine(isAddressBlock, {
        error: "expected an address or a CIDR block",
      }),
      "a list of addresses or CIDR blocks",
    )
      .default([])
      .describe("Addresses or CIDR blocks whose `X-Forwarded-*` headers are believed."),
    max_connections: whole({ min: 0 })
      .default(0)
      .describe(
        "Connections of clients that may be open at once; with more, the oldest ones without a request are closed. 0: as many as the limit on descriptors permits.",
      ),
    max_connections_per_address: whole({ min: 0 })
      .default(0)
      .describe(
        "Connections that one client may have open at once, by its IPv4 address or its `/64` network of IPv6; `trusted_proxies` are exempt. 0: a quarter of `max_connections`.",
      ),
    buffer_limit_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .optional()
      .describe(
        "Memory for requests and answers on their way, of all connections together; with more, those that have stood still for longest are cut. Not set: an eighth of the memory.",
      ),
    log_retention_days: number("days", { min: 1, max: DAYS_MAX })
      .default(7)
      .describe("Days for which log lines are kept."),
    log_max_mb: whole({ min: 1, max: MEGABYTES_MAX, unit: "megabytes" })
      .default(1024)
      .describe(
        "Size of the log archive; above it the oldest lines of the instances that hold most are removed.",
      ),
    tls: tls.prefault({}).describe("HTTPS by ACME."),
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
