// A process that reads the pipes of notes:alice until it is killed; `hub.test.ts` starts and kills it.
import { openLogHub } from "../../../src/logs/hub.ts";
import { outputPaths } from "../../../src/platform/process/output-pipes.ts";

const [file = "", pipes = ""] = process.argv.slice(2);
const slot = { ref: { service: "notes", id: "alice" }, slot: 0 } as const;
const hub = await openLogHub({ file, retentionMs: 86_400_000, maxBytes: 1 << 30 });
hub.attach(slot, outputPaths(pipes, slot));
let seen = 0;
hub.follow({}, (lines) => {
  seen += lines.length;
  process.stdout.write(`${seen}\n`);
});
// Answered after the follower is in place, so that it gets all output from now on.
await hub.query({}, 1);
process.stdout.write("attached\n");
