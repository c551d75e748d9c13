// Logs on the wire: lines, and the query that selects them.
import { z } from "zod";
import { TenError } from "../../core/errors.ts";
import { LOG_STREAMS } from "../../logs/line.ts";
import { events, json, type Operations } from "./operation.ts";
import { count, label, limit, moment } from "./wire.ts";

const LINES_MAX = 10_000;

export const logAnswer = z
  .strictObject({
    timestamp: moment,
    level: z.enum(LOG_STREAMS),
    process: label,
    instance_id: label,
    message: z.string(),
  })
  .meta({ id: "LogLine" });
export type LogAnswer = z.output<typeof logAnswer>;

/** In a stream, in place of lines that came too fast for its reader. */
export const droppedAnswer = z.strictObject({ count });

export const logQuery = z.strictObject({
  process: label.optional().meta({ description: "Only of this service" }),
  id: label.optional().meta({ description: "Only of instances with this id" }),
  level: z
    .enum(LOG_STREAMS, "expected stdout, stderr or server")
    .optional()
    .meta({ description: "Only lines of this stream; server has the server's own" }),
  search: z.string().optional().meta({ description: "Only lines with all of these words" }),
  since: z
    .string()
    .optional()
    .meta({ description: "Only newer lines: an age such as 10m, or a moment in ISO 8601" }),
  limit: limit(LINES_MAX).optional(),
});

const PLACE_RULE = "expected the place in a Link header";

export const logSearchQuery = logQuery.extend({
  before: z
    .string()
    .regex(/^\d{1,15}$/, PLACE_RULE)
    .transform(Number)
    .meta({ asSent: { type: "integer", minimum: 0 } })
    .optional()
    .meta({
      description: "Only lines before this place, which the Link header of an answer names",
    }),
});
export type LogSearchQuery = z.output<typeof logSearchQuery>;
export type LogQuery = z.output<typeof logQuery>;
/** As it is sent. */
export type LogQueryFields = z.input<typeof logQuery>;

const MS_PER_UNIT = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads an age such as `90s`, `10m`, `2h`, `7d`, or a moment in ISO 8601; throws REQUEST_INVALID.
 * @param now milliseconds since the epoch, as is the answer
 */
export function parseSince(text: string, now: number): number {
  const [, amount = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (unit !== "") return now - Number(amount) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(at)) return at;
  throw new TenError("REQUEST_INVALID", `Cannot read "${text}": expected a time`, {
    hint: "Write an age like 90s, 10m, 2h or 7d, or a moment like 2026-01-31T12:00:00Z",
  });
}

export const LOG_OPERATIONS = {
  searchLogs: {
    summary: "Search the logs: the newest lines that match, newest last, up to 4 MB",
    action: "logs",
    query: logSearchQuery,
    answer: json(z.array(logAnswer)),
  },
  followLogs: {
    summary: "Follow the logs; with limit, after so many of the lines written before",
    action: "logs",
    query: logQuery,
    answer: events(
      z.union([logAnswer, droppedAnswer]),
      "A line each; an event called dropped says how many were left out",
    ),
  },
} as const satisfies Operations;
