// Commands that take several instances.
import { formatRef, type InstanceRef, parseRef } from "../../core/ref.ts";
import { type Arg, OPERAND } from "../args.ts";

export const REF = { ...OPERAND, valueHint: "REF" } as const satisfies Arg;
export const REFS = { ...REF, repeated: true } as const satisfies Arg;

/** What the path of a request takes; throws REF_INVALID. */
export function refParams(text: string): { readonly ref: string } {
  return { ref: formatRef(parseRef(text)) };
}

/** As many as the server starts at once by default; the rest wait here instead of there. */
const AT_ONCE_MAX = 8;

/**
 * Does the same to every instance, several at a time, and prints what came of each in the order given.
 * All names are checked before anything is done. Throws an AggregateError of what failed.
 */
export async function forEachRef<Result>(
  operands: readonly string[],
  {
    perform,
    print,
  }: {
    perform: (ref: InstanceRef) => Promise<Result>;
    print: (result: Result, name: string) => void;
  },
): Promise<void> {
  const refs = operands.map(parseRef);
  const failures: unknown[] = [];
  for (let start = 0; start < refs.length; start += AT_ONCE_MAX) {
    const slice = refs.slice(start, start + AT_ONCE_MAX);
    const settled = await Promise.allSettled(slice.map(perform));
    for (const [index, outcome] of settled.entries()) {
      if (outcome.status === "rejected") failures.push(outcome.reason);
      else print(outcome.value, operands[start + index] ?? "");
    }
  }
  if (failures.length > 0) throw new AggregateError(failures);
}
