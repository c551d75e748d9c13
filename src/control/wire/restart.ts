// The replacement of the server's process on the wire.
import { z } from "zod";
import { json, type Operations } from "./operation.ts";
import { count } from "./wire.ts";

const identity = z.strictObject({ version: z.string(), pid: count }).meta({ id: "ServerIdentity" });

export const restartAnswer = z
  .strictObject({ old: identity, new: identity })
  .meta({ id: "ServerRestart" });
export type RestartAnswer = z.output<typeof restartAnswer>;

export const RESTART_OPERATIONS = {
  restartServer: {
    summary:
      "Replace the server's process with a new one of the installed version; answers once it serves",
    action: "restart-server",
    answer: json(restartAnswer),
    refusals: [409, 503],
  },
} as const satisfies Operations;
