// Operands and flags that several commands take, and how they are read.
import { formatRef, parseRef } from "../../core/ref.ts";
import { type Arg, OPERAND } from "../args.ts";
import { parseInteger } from "../parse.ts";

export const REF = { ...OPERAND, valueHint: "REF" } as const satisfies Arg;
export const REFS = { ...REF, repeated: true } as const satisfies Arg;
export const SERVICE = { ...OPERAND, valueHint: "SERVICE" } as const satisfies Arg;

/** The parameters of a request about one instance; throws REF_INVALID. */
export function refParams(text: string): { readonly ref: string } {
  return { ref: formatRef(parseRef(text)) };
}

export function parseWeight(text: string): number {
  return parseInteger(text, { name: "a weight", min: 0, max: 100 });
}
