// Which processes have a listening socket open, and how much of them is read.
import { afterEach, expect, test } from "bun:test";
import type { Subprocess } from "bun";
import { familyListens, listens } from "../../../../src/platform/process/open-sockets.ts";
import { Ports } from "../../../../src/platform/process/ports.ts";
import { listFamily } from "../../../../src/platform/process/processes.ts";

const isLinux = process.platform === "linux";
const started: Subprocess[] = [];

afterEach(async () => {
  for (const each of started.splice(0)) {
    for (const { pid } of (await listFamily(each.pid)).toReversed()) process.kill(pid, "SIGKILL");
  }
});

/** Runs a script that prints a line once it is set up. */
async function run(script: string): Promise<number> {
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  await child.stdout.getReader().read();
  return child.pid;
}

const listen = (port: number) =>
  `Bun.listen({ hostname: "127.0.0.1", port: ${port}, socket: { data() {} } }); console.log("ready");`;

test.skipIf(!isLinux)("a process listens on its own port alone", async () => {
  const port = Ports.startingAnywhere().take();
  const pid = await run(listen(port));
  expect(listens(pid, port)).toBe(true);
  expect(listens(pid, port + 1)).toBe(false);
  expect(listens(process.pid, port)).toBe(false);
});

test.skipIf(!isLinux)("a process listens through a descendant", async () => {
  const port = Ports.startingAnywhere().take();
  const argv = JSON.stringify([process.execPath, "-e", listen(port)]);
  const pid = await run(
    `const child = Bun.spawn(${argv}, { stdio: ["ignore", "inherit", "inherit"] }); await child.exited;`,
  );
  expect(listens(pid, port)).toBe(false);
  expect(await familyListens(pid, port)).toBe(true);
  expect(await familyListens(process.pid, port + 1)).toBe(false);
});

test.skipIf(!isLinux)(
  "a process with more descriptors than are looked through is believed",
  async () => {
    const port = Ports.startingAnywhere().take();
    await run(listen(port));
    const pid = await run(
      'const { openSync } = require("fs"); for (let i = 0; i < 1100; i++) openSync("/dev/null"); console.log("ready"); setInterval(() => {}, 1e6);',
    );
    expect(listens(pid, port)).toBe(true);
  },
);

test("a process that has ended listens nowhere", async () => {
  const port = Ports.startingAnywhere().take();
  await run(listen(port));
  if (isLinux) expect(listens(2 ** 22 + 1, port)).toBe(false);
});
