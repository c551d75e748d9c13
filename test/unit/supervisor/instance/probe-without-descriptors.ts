// A program for `probe.test.ts`: probes a port while no descriptor is free, and again when some are.
import { closeSync, openSync } from "node:fs";
import { socketProber } from "../../../../src/supervisor/instance/probe.ts";

const endpoint = { kind: "tcp", host: "127.0.0.1", port: Number(process.argv[2]) } as const;
const probe = () =>
  socketProber({
    endpoints: [endpoint],
    check: null,
    host: "a.test",
    hasServed: false,
    isOwn: () => true,
  });

const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
const without = await probe();
for (const fd of taken) closeSync(fd);
process.stdout.write(JSON.stringify([without, await probe()]));
