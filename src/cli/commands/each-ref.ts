// Performs a command on several instances at a time, and prints the results in the order of its operands.
import { type InstanceRef, parseRef } from "../../core/ref.ts";

/** As many as the server starts at a time by default: more would only wait at the server. */
const CONCURRENT_MAX = 8;

/**
 * Performs the same on every instance, several at a time, and prints the results in the order of the operands.
 * Checks all names before it performs anything. Throws an AggregateError with every failure.
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
  for (let start = 0; start < refs.length; start += CONCURRENT_MAX) {
    const slice = refs.slice(start, start + CONCURRENT_MAX);
    const settled = await Promise.allSettled(slice.map(perform));
    for (const [index, outcome] of settled.entries()) {
      if (outcome.status === "rejected") failures.push(outcome.reason);
      else print(outcome.value, operands[start + index] ?? "");
    }
  }
  if (failures.length > 0) throw new AggregateError(failures);
}
