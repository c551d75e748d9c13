// Runs as a program of its own: a proxy on descriptor 3, where nothing is known.
import { systemClock } from "../../../../src/platform/clock.ts";
import { openProxy } from "../../../../src/proxy/listener.ts";
import { FakeGateway } from "../world.ts";

const gateway = new FakeGateway();
gateway.target = { kind: "unknown" };
const { port } = await openProxy({
  gateway,
  control: { kind: "unix", path: "/nowhere" },
  clock: systemClock,
  trustedProxies: [],
  observe: () => undefined,
  listen: { kind: "descriptors", fds: [3] },
});
process.stdout.write(`${port}\n`);
