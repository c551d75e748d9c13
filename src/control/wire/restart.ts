// The change from one server to the next on the wire.
import { z } from "zod";
import { count } from "./wire.ts";

const identity = z.strictObject({ version: z.string(), pid: count }).meta({ id: "ServerIdentity" });

export const restartAnswer = z
  .strictObject({ old: identity, new: identity })
  .meta({ id: "ServerRestart" });
export type RestartAnswer = z.output<typeof restartAnswer>;
