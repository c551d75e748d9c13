// The value types of `tenement.toml`, each with the error message for other values.
import { z } from "zod";
import { LABEL_RULE } from "../core/ref.ts";

export const BYTES_PER_MEGABYTE = 1024 ** 2;
export const MS_PER_DAY = 24 * 60 * 60 * 1000;

/** Timers count milliseconds in 31 bits; a longer one would fire at once. */
export const TIMER_MS_MAX = 2_147_483_647;
const TIMER_SECONDS_MAX = Math.floor(TIMER_MS_MAX / 1000);
/** Beyond this a size in bytes is no longer exact. */
export const MEGABYTES_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BYTES_PER_MEGABYTE);
/** A hundred years: more is a mistake. */
export const DAYS_MAX = 36_500;

const LABEL_PATTERN = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a NUL ends a string in system calls
export const NO_NUL = /^[^\u0000]*$/;

/** Every issue of a value has the same message, which names the expected form. */
export const number = (unit: string, { min, max }: { min: number; max: number }) =>
  z
    .number({ error: `expected ${unit}, at least ${min}` })
    .min(min, { error: `expected ${unit}, at least ${min}` })
    .max(max, { error: `expected ${unit}, at most ${max}` });

export const seconds = ({ min }: { min: number }) =>
  number("seconds", { min, max: TIMER_SECONDS_MAX });

export const whole = ({ min, max, unit }: { min: number; max?: number; unit?: string }) => {
  const of = unit === undefined ? "a whole number" : `a whole number of ${unit}`;
  const error =
    max === undefined ? `expected ${of}, at least ${min}` : `expected ${of} from ${min} to ${max}`;
  return z
    .int({ error })
    .min(min, { error })
    .max(max ?? Number.MAX_SAFE_INTEGER, { error });
};

export const flag = () => z.boolean({ error: "expected true or false" });

export const text = (expected: string, pattern = NO_NUL) =>
  z
    .string({ error: `expected ${expected}` })
    .min(1, { error: `expected ${expected}` })
    .regex(pattern, { error: `expected ${expected}` });

export const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `expected one of ${values.join(", ")}` });

export const list = <T extends z.ZodType>(item: T, expected: string) =>
  z.array(item, { error: `expected ${expected}` });

export const TABLE = { error: "expected a table" };
export const label = () => text(LABEL_RULE, LABEL_PATTERN);
export const target = () => text('"service" or "service:id"');
export const path = () => text("a path");
