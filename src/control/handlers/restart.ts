// The handler that replaces the server's process.
import type { Call } from "../call.ts";
import type { RestartAnswer } from "../wire/restart.ts";

export function restartServer(call: Call): Promise<RestartAnswer> {
  return call.world.restart((outcome) => call.record("server", outcome));
}
