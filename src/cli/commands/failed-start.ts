// The error of a failed start, with a hint where the server sent none.
import { RemoteError } from "../../control/client/transport.ts";
import { TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";

/** The error to throw for `thrown`. The hint leads to the server's later attempts. */
export function explainFailedStart(ref: InstanceRef, thrown: unknown): unknown {
  if (!(thrown instanceof RemoteError) || thrown.code !== "START_FAILED") return thrown;
  const name = formatRef(ref);
  const { message, code, log = [] } = thrown;
  const hint =
    thrown.hint ??
    `See what the server does about it with ten why ${name}, and its output with ten logs ${name}`;
  return new TenError(code, message, { hint, log });
}
