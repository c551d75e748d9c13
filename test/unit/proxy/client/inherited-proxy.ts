// A program for `closing.test.ts`: a proxy on descriptor 3, which answers 404 to every request.
import { systemClock } from "../../../../src/platform/clock.ts";
import { openProxy } from "../../../../src/proxy/listener.ts";
import { FakeGateway } from "../fake-gateway.ts";
import { NO_LIMITS } from "../proxy-world.ts";

const gateway = new FakeGateway();
gateway.target = { kind: "unknown" };
const { port } = await openProxy({
  gateway,
  control: { kind: "unix", path: "/nowhere" },
  clock: systemClock,
  settings: NO_LIMITS,
  isTenant: () => false,
  observe: () => undefined,
  observeConnection: () => undefined,
  listen: { kind: "descriptors", fds: [3] },
});
process.stdout.write(`${port}\n`);
