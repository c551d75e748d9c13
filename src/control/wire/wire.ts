// Schemas that several subjects share on the wire, errors among them, and the check of requests.
import { z } from "zod";
import { ENV_NAME, ENV_NAME_RULE, isEnvName } from "../../core/env-file.ts";
import { ERROR_CODES, TenError } from "../../core/errors.ts";
import { isLabel, LABEL, LABEL_RULE } from "../../core/ref.ts";
import { renderSuggestion } from "../../core/suggest.ts";

// A schema with an `id` becomes a component of that name in the OpenAPI document. A refinement's rule is repeated in
// `meta`, for the document. Answers are strict as well: they contain declared fields only.

export const label = z
  .string("expected a name")
  .refine(isLabel, `expected ${LABEL_RULE}`)
  .meta({ id: "Name", pattern: LABEL.source, description: `A name: ${LABEL_RULE}` });

/** `notes:alice`. */
export const refName = z
  .string()
  .meta({ id: "Ref", description: "Name of an instance, SERVICE:ID", examples: ["notes:alice"] });

/** A moment in UTC. */
export const moment = z.iso.datetime();

export const weight = range({ min: 0, max: 100 }).meta({
  description: "Share of the service's traffic: the weight over the sum of all; 0 gets none",
});

export const count = z.int().min(0);
/** Not always an integer. */
export const amount = z.number().min(0);

export const envName = z
  .string()
  .refine(isEnvName, `expected a name of ${ENV_NAME_RULE}`)
  .meta({ pattern: ENV_NAME.source });

export const envValue = z
  .string("expected a text")
  .refine((text) => !text.includes("\0"), "expected a text without NUL")
  .meta({ pattern: "^[^\\u0000]*$" });

/** A boolean, as a query spells it. */
export const queryBoolean = z
  .enum(["true", "false"], "expected true or false")
  .transform((text) => text === "true");

/** A number, as a query spells it. */
export function limit(max: number): z.ZodType<number, string> {
  const rule = `expected a whole number from 1 to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .refine((number) => number >= 1 && number <= max, rule)
    .meta({
      description: `At most this many: 1 to ${max}`,
      asSent: { type: "integer", minimum: 1, maximum: max },
    });
}

export function range({ min, max }: { min: number; max: number }): z.ZodNumber {
  const rule = `expected a whole number from ${min} to ${max}`;
  return z.int(rule).min(min, rule).max(max, rule);
}

/** For an operation that takes no query or no body. */
export const nothing = z.strictObject({}, "expected no fields");

/** A query that is ignored. */
export const anything = z.looseObject({});

export const hint = z.string().exactOptional().describe("What can be done about it");

export const log = z
  .array(z.string())
  .exactOptional()
  .describe("The last lines that the instance wrote before its start failed");

export const errorAnswer = z
  .strictObject({
    error: z.string().meta({ examples: ['Cannot find "notes:bob": it is not registered'] }),
    code: z.enum(ERROR_CODES).meta({ id: "ErrorCode" }),
    hint,
    log,
  })
  .meta({ id: "Error" });
export type ErrorAnswer = z.output<typeof errorAnswer>;

export function errorAnswerOf({ message, code, hint, log }: TenError): ErrorAnswer {
  return {
    error: message,
    code,
    ...(hint === undefined ? {} : { hint }),
    ...(log === undefined ? {} : { log: [...log] }),
  };
}

/** Parameters of paths: the names in braces. */
export const PARAMETERS: Readonly<Record<string, z.ZodType>> = {
  ref: refName,
  host: z.string().meta({ description: "A custom hostname" }),
  token: z.string().meta({ description: "Number of a token", examples: ["3"] }),
};

/** Throws REQUEST_INVALID with every problem. */
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
