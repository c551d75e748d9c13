// Bounds the end of a server whose operator has signalled twice.
import { TenError } from "../core/errors.ts";
import { isAtRest } from "../core/life/instance.ts";
import { formatRef } from "../core/ref.ts";
import type { Clock } from "../platform/clock.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

/** Processes that outlive SIGKILL are waited for some ten seconds. */
const GRACE_MS = 15_000;

export interface ClosingParts {
  readonly clock: Clock;
  readonly supervisor: Pick<Supervisor, "actors">;
}

/**
 * The end of a server, or a rejection once every instance has had its stop_timeout twice, to drain and to stop. The
 * next server takes over the processes that are left, as after a crash.
 */
export async function closeInTime(
  closing: Promise<void>,
  { clock, supervisor }: ClosingParts,
): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timeouts = [...supervisor.actors()].map(({ service }) => service.stopTimeoutMs);
  const delayMs = 2 * Math.max(0, ...timeouts) + GRACE_MS;
  const cancel = clock.after(delayMs, () => reject(cannotStop(supervisor)));
  await Promise.race([closing, promise]).finally(cancel);
}

function cannotStop(supervisor: Pick<Supervisor, "actors">): TenError {
  const hanging = [...supervisor.actors()]
    .filter(({ instance }) => !isAtRest(instance.state))
    .map(({ ref }) => `"${formatRef(ref)}"`);
  const message =
    hanging.length > 0
      ? `Cannot stop ${hanging.join(", ")}: the processes do not end`
      : "Cannot stop the server: it does not end in time";
  return new TenError("FAILED", message, {
    hint: "The next server takes over the processes that are left",
  });
}
