// What goes over the wire: the shapes of requests and answers, and the check of what comes in.
import { z } from "zod";
import { ENV_NAME_RULE, isEnvName } from "../core/env-file.ts";
import { TenError } from "../core/errors.ts";
import { isLabel, LABEL_RULE } from "../core/ref.ts";
import type { Health, ReportedState } from "../core/report.ts";
import { renderSuggestion } from "../core/suggest.ts";
import type { LogStream } from "../telemetry/log-line.ts";

// Every moment is ISO 8601 in UTC; null: there is none at present.

export interface InstanceAnswer {
  /** `notes:alice` */
  readonly id: string;
  readonly service: string;
  readonly instance: string;
  readonly state: ReportedState;
  readonly reason: string | null;
  readonly url: string;
  /** Where it listens. */
  readonly socket: string | null;
  readonly pid: number | null;
  readonly port: number | null;
  readonly uptime_secs: number | null;
  readonly idle_secs: number | null;
  readonly restarts: number;
  readonly health: Health;
  readonly weight: number;
  readonly memory_bytes: number | null;
  /** A measurement not older than a minute or so; null before the first. */
  readonly storage_used_bytes: number | null;
  readonly storage_quota_bytes: number | null;
}

export interface SpawnAnswer {
  readonly instance: string;
  readonly socket: string | null;
  readonly port: number | null;
  readonly url: string;
  readonly state: ReportedState;
}

export interface WeightAnswer {
  readonly instance: string;
  readonly weight: number;
}

export interface HealthAnswer {
  readonly instance: string;
  readonly health: Health;
}

export interface StorageAnswer {
  readonly used_bytes: number;
  readonly quota_bytes: number | null;
  readonly usage_percent: number | null;
  readonly path: string;
}

export interface StoryAnswer {
  readonly instance: string;
  readonly state: ReportedState;
  readonly reason: string | null;
  readonly uptime_secs: number | null;
  readonly idle_secs: number | null;
  readonly open_requests: number;
  readonly open_tunnels: number;
  readonly sleeps_at: string | null;
  readonly retries_at: string | null;
  readonly last_wake: {
    readonly at: string;
    readonly by: string;
    readonly queued_ms: number | null;
    readonly launch_ms: number | null;
    readonly ready_ms: number | null;
  } | null;
  readonly last_exit: { readonly at: string; readonly reason: string } | null;
}

/** What is stored for an instance, secrets masked. */
export interface EnvAnswer {
  readonly instance: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface LogAnswer {
  readonly timestamp: string;
  readonly level: LogStream;
  readonly process: string;
  readonly instance_id: string;
  readonly message: string;
}

export interface TokenAnswer {
  readonly id: number;
  /** Null: an administrator's. */
  readonly tenant: string | null;
  readonly description: string;
  readonly created_at: string;
}

export interface NewTokenAnswer extends TokenAnswer {
  readonly token: string;
}

/** A custom host name. */
export interface DomainAnswer {
  readonly host: string;
  /** `notes:alice`, or `notes` for its instances by weight. */
  readonly target: string;
}

export interface AuditAnswer {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
}

export interface ErrorAnswer {
  readonly error: string;
  readonly code: string;
  readonly hint?: string;
  /** The last lines that an instance wrote before its start failed. */
  readonly log?: readonly string[];
}

const DESCRIPTION_CHARS_MAX = 200;
const QUERY_LINES_MAX = 10_000;
const AUDIT_ROWS_MAX = 10_000;

const label = z.string("expected a name").refine(isLabel, `expected ${LABEL_RULE}`);
const weight = range({ min: 0, max: 100 });
const envValue = z
  .string("expected a text")
  .refine((text) => !text.includes("\0"), "expected a text without NUL");
const envName = z.string().refine(isEnvName, `expected a name of ${ENV_NAME_RULE}`);
const truth = z
  .enum(["true", "false"], "expected true or false")
  .transform((text) => text === "true");

export const spawnBody = z.strictObject({
  process: label,
  id: label,
  env: z.record(envName, envValue, "expected an object of texts").optional(),
  weight: weight.optional(),
  /** False: only registers. */
  start: z.boolean("expected true or false").optional(),
});
export type SpawnBody = z.input<typeof spawnBody>;

export const weightBody = z.strictObject({ weight });

/** Null unsets a name. */
export const envPatchBody = z.record(envName, envValue.nullable(), "expected an object of texts");
export const envBody = z.record(envName, envValue, "expected an object of texts");

export const tokenBody = z.strictObject({
  tenant: label.nullish(),
  description: z
    .string("expected a text")
    .max(DESCRIPTION_CHARS_MAX, `expected at most ${DESCRIPTION_CHARS_MAX} characters`)
    .optional(),
});
export type TokenBody = z.input<typeof tokenBody>;

const text = z.string("expected a text");
export const domainBody = z.strictObject({ host: text, target: text });
export type DomainBody = z.input<typeof domainBody>;

export const noQuery = z.strictObject({});
export const listQuery = z.strictObject({ all: truth.optional() });
export const removeQuery = z.strictObject({
  /** Also forgets the instance; its files stay. */
  unregister: truth.optional(),
  /** Also forgets it and deletes its files and logs. */
  purge: truth.optional(),
});
export const domainQuery = z.strictObject({ target: text.optional() });
export const auditQuery = z.strictObject({ limit: count(AUDIT_ROWS_MAX).optional() });
export const logQuery = z.strictObject({
  process: label.optional(),
  id: label.optional(),
  level: z.enum(["stdout", "stderr"], "expected stdout or stderr").optional(),
  search: z.string().optional(),
  /** A moment, or how long ago: `10m`. */
  since: z.string().optional(),
  limit: count(QUERY_LINES_MAX).optional(),
});
export type LogQueryFields = {
  readonly [Key in keyof z.input<typeof logQuery>]: string | undefined;
};

/** What comes in, checked; throws REQUEST_INVALID with everything that is wrong with it. */
export function checkFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: unknown,
): z.output<Schema> {
  const checked = schema.safeParse(fields);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.flatMap((issue) => describeIssue(issue, schema));
  throw new TenError("REQUEST_INVALID", `Cannot use the request: ${problems.join("; ")}`);
}

function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodType): string[] {
  if (issue.code === "unrecognized_keys") {
    const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    return issue.keys.map((key) => `${key}: unknown field${renderSuggestion(key, known)}`);
  }
  const message = issue.code === "invalid_key" ? issue.issues[0]?.message : issue.message;
  const where = issue.path.map(String).join(".");
  return [`${where === "" ? "" : `${where}: `}${message ?? issue.message}`];
}

const MS_PER_UNIT = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads `10m`, `90s`, `2h`, `7d` as so long ago, or a moment in ISO 8601; throws REQUEST_INVALID.
 * @param now milliseconds since the epoch, as is the answer
 */
export function parseSince(text: string, now: number): number {
  const [, amount = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (unit !== "") return now - Number(amount) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
  const moment = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(moment)) return moment;
  throw new TenError("REQUEST_INVALID", `Cannot read "${text}": expected a time`, {
    hint: "Write how long ago, like 90s, 10m, 2h or 7d, or a moment like 2026-01-31T12:00:00Z",
  });
}

function range({ min, max }: { min: number; max: number }): z.ZodNumber {
  const rule = `expected a whole number from ${min} to ${max}`;
  return z.int(rule).min(min, rule).max(max, rule);
}

/** A number as a query writes it. */
function count(max: number): z.ZodType<number, string> {
  const rule = `expected a whole number from 1 to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .refine((number) => number >= 1 && number <= max, rule);
}

/** Milliseconds; null while there is nothing to tell. */
export interface LatencyAnswer {
  readonly average_ms: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

export interface InstanceTelemetryAnswer {
  readonly id: string;
  readonly state: ReportedState;
  readonly restarts: number;
  readonly requests: number;
  /** Answers of 500 and above. */
  readonly errors: number;
  readonly memory_bytes: number | null;
  readonly latency: LatencyAnswer;
}

/** Counts since the server started. */
export interface TelemetryAnswer {
  readonly summary: {
    /** By state; states that nobody is in are left out. */
    readonly instances: Readonly<Partial<Record<ReportedState, number>>>;
    readonly requests: number;
    readonly requests_unrouted: number;
    readonly restarts: number;
    readonly memory_bytes: number;
    readonly log_lines_stored: number;
    readonly log_lines_dropped: number;
    readonly latency: LatencyAnswer;
    /** From the spawn to the first good health check. */
    readonly wake: LatencyAnswer;
  };
  readonly instances: readonly InstanceTelemetryAnswer[];
}
