// A program that starts itself as its next server, which fails in the way that the argument names.
import { writeSync } from "node:fs";
import {
  CHANNEL_DESCRIPTOR,
  INTRODUCTION_VARIABLE,
  type MessageFromNext,
} from "../../../../src/server/handover/handover-messages.ts";
import { startNextServer } from "../../../../src/server/handover/next-server.ts";

if (process.env[INTRODUCTION_VARIABLE] === undefined) await start();
else fail(process.argv[2]);

async function start(): Promise<void> {
  const options = { cwd: process.cwd(), descriptors: [], dataDir: "/none" };
  const outcome = await startNextServer(options).catch((error: Error) => error);
  console.log(outcome instanceof Error ? outcome.message : "serves");
  process.exit(0);
}

function fail(way = ""): void {
  if (way === "ended") tell({ kind: "started", pid: Bun.spawnSync(["true"]).pid });
  if (way === "hanging") console.log(`${hang()}`);
  tell({ kind: "failed", message: "it fails" });
  setInterval(() => undefined, 1000);
}

function tell(message: MessageFromNext): void {
  writeSync(CHANNEL_DESCRIPTOR, `${JSON.stringify(message)}\n`);
}

/** The pid of a process that has the channel, and neither reads from it nor ends. */
function hang(): number {
  return Bun.spawn(["sleep", "1000"], {
    stdio: ["ignore", "ignore", "ignore", CHANNEL_DESCRIPTOR],
  }).pid;
}
