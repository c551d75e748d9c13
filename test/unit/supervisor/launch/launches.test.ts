import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { messageOf } from "../../../../src/core/errors.ts";
import type { Service } from "../../../../src/core/service.ts";
import { NO_FIREWALL } from "../../../../src/isolation/firewall/firewall.ts";
import { ALICE, PATIENCE, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

test("an instance does not start while another one has its socket", async () => {
  const socket = `/tmp/ten-none-${process.getuid?.()}/{name}-{id}.sock`;
  const world = openWorld({
    services: [
      { name: "a", socket },
      { name: "a-b", socket },
    ],
  });
  const [first, second] = [world.register("b-c", "a"), world.register("c", "a-b")];
  const lease = first?.wake("request", PATIENCE);
  await world.ready();
  (await lease)?.release();
  const refused = second?.wake("request", PATIENCE).catch(({ message }: Error) => message);
  expect(await refused).toContain('is that of "a:b-c"');
  await world.operator.stop({ service: "a", id: "b-c" });
  await world.clock.advance(2000);
  expect(second?.instance.state.kind).toBe("running");
});

test("a start that fails gives its cause and removes its files, also where the firewall fails", async () => {
  const socket = `/tmp/ten-none-${crypto.randomUUID()}.sock`;
  const release = () => {
    throw new Error("netfilter can't be reached");
  };
  const world = openWorld({ services: [{ socket }], firewall: { ...NO_FIREWALL, release } });
  world.register("alice");
  world.spawner.spawn = () => {
    writeFileSync(socket, "");
    throw new Error("no such device");
  };
  await expect(world.operator.start(ALICE)).rejects.toMatchObject({
    message: 'Cannot start "notes:alice": no such device',
  });
  expect(existsSync(socket)).toBe(false);
  expect(world.reports.map(messageOf)).toEqual(["netfilter can't be reached"]);
});

const cases: readonly { what: string; service: Partial<Service>; says: object }[] = [
  {
    what: "a working directory that does not exist",
    service: { workdir: "/nonexistent" },
    says: {
      code: "START_FAILED",
      message: 'Cannot start "notes:alice": workdir /nonexistent is not a directory',
      hint: "Make that directory, or correct workdir in [service.notes]",
    },
  },
  {
    what: "an env_file that does not exist",
    service: { envFile: "/nonexistent" },
    says: {
      code: "START_FAILED",
      message: 'Cannot start "notes:alice": env_file /nonexistent can\'t be read (ENOENT)',
      hint: "Make it readable for the server, or correct env_file in [service.notes]",
    },
  },
  {
    what: "a level of isolation without its kernel and image",
    service: { isolation: "firecracker" as const },
    says: {
      code: "LEVEL_MISSING",
      message:
        'Cannot start "notes:alice": isolation = "firecracker" is not available: no kernel or no image is set',
      hint: "set kernel and rootfs in [service.notes]",
    },
  },
];

for (const { what, service, says } of cases) {
  test(`a start with ${what} fails with the reason and the remedy`, async () => {
    const world = openWorld({ services: [service] });
    world.register("alice");
    await expect(world.operator.start(ALICE)).rejects.toMatchObject(says);
  });
}
