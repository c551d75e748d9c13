import { expect, test } from "bun:test";
import type { Service } from "../../../../src/core/service.ts";
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

const cases: readonly { what: string; service: Partial<Service>; says: string }[] = [
  {
    what: "a working directory that does not exist",
    service: { workdir: "/nonexistent" },
    says: 'Cannot start "notes:alice": workdir /nonexistent is not a directory',
  },
  {
    what: "an env_file that does not exist",
    service: { envFile: "/nonexistent" },
    says: 'Cannot start "notes:alice": env_file /nonexistent can\'t be read (ENOENT)',
  },
  {
    what: "a level of isolation without its kernel and image",
    service: { isolation: "firecracker" as const },
    says: 'Cannot isolate "notes" at level "firecracker": it has no kernel or no image of its own',
  },
];

for (const { what, service, says } of cases) {
  test(`a start with ${what} fails with the reason`, async () => {
    const world = openWorld({ services: [service] });
    world.register("alice");
    const refused = world.operator.start(ALICE).catch(({ message }: Error) => message);
    expect(await refused).toBe(says);
  });
}
