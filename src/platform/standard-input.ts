// Standard input: read whole, up to a bound.
import { isatty } from "node:tty";
import { TenError } from "../core/errors.ts";

const STDIN = 0;
/** More than the environment of a process can hold. */
const INPUT_BYTES_MAX = 4 * 1024 * 1024;

/** @param onWait called before a person has to type the input */
export async function readStandardInput(onWait: () => void): Promise<string> {
  if (isatty(STDIN)) onWait();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of Bun.stdin.stream()) {
    size += piece.length;
    if (size > INPUT_BYTES_MAX)
      throw new TenError("USAGE_INVALID", "Cannot read standard input: it has more than 4 MiB");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
