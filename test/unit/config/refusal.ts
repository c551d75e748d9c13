// The problems that parseConfig reports for an invalid configuration.
import { expect } from "bun:test";
import { parseConfig } from "../../../src/config/config.ts";
import { TenError } from "../../../src/core/errors.ts";

export const FILE = "/etc/ten/tenement.toml";

/** A valid service, which a table of the service may follow. */
export const NOTES = '[service.notes]\ncommand = "app"\n';

export const LABEL =
  "1 to 63 characters of a-z, 0-9, - and _, starting and ending with a letter or a digit";

export function errorOf(action: () => unknown): TenError {
  try {
    action();
  } catch (error) {
    if (error instanceof TenError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The problems of a text, one a line. */
export function problemsOf(text: string): string[] {
  const error = errorOf(() => parseConfig(text, { file: FILE }));
  expect([error.code, error.exit]).toEqual(["CONFIG_INVALID", 2]);
  const [head, ...problems] = error.message.split("\n  ");
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  expect(head).toBe(`Cannot use "${FILE}": ${count}`);
  return problems;
}
