import { beforeEach, expect, test } from "bun:test";
import { startFailure, unavailable } from "../../../../src/core/failure.ts";
import { useApi } from "../api.ts";
import { runWith } from "../fakes.ts";

const api = useApi();
const { shellOf, ten } = api;

beforeEach(() => {
  api.world.administration.add("notes:carol", { state: "stopped", health: "stopped" });
  api.world.administration.add("notes:dan", {
    state: "failed",
    health: "failed",
    failure: startFailure("out of memory", "Raise memory_limit_mb"),
    restarts: 4,
  });
});

test("lists running and failed instances, and counts the others", async () => {
  expect((await ten("ps")).out).toBe(
    [
      "INSTANCE     LISTEN           STATE    UPTIME  IDLE  HEALTH   WEIGHT    MEMORY  RESTARTS",
      "notes:alice  127.0.0.1:30001  running    1m5s    1s  healthy     100  12.3 MiB         0",
      "notes:dan    -                failed        -     -  failed      100         -         4  out of memory",
      "and 1 asleep, 1 stopped (ten ps -a)",
      "hint for notes:dan: Raise memory_limit_mb",
      "",
    ].join("\n"),
  );
});

test("reports missing walls, with the number of instances", async () => {
  const gaps = ["they reach other tenants' ports: nft is not installed"];
  api.world.administration.addRunning("notes:erin", { gaps });
  api.world.administration.addRunning("notes:fay", { gaps });
  expect((await ten("ps")).out).toEndWith(
    `walls missing around 2 instances: ${gaps[0]} (ten doctor)\n`,
  );
  expect((await ten("ps", "--quiet")).out).not.toContain("walls missing");
});

test("shows instances that the server has stopped, and warnings of running ones", async () => {
  const reason = "storage is over its quota";
  api.world.administration.add("notes:eve", {
    state: "stopped",
    health: "stopped",
    failure: unavailable(reason),
  });
  api.world.administration.addRunning("notes:alice", { warnings: ["nearly full"] });
  const lines = (await ten("ps")).out.split("\n");
  expect(lines.find((line) => line.startsWith("notes:eve"))).toEndWith(`  ${reason}`);
  expect(lines.find((line) => line.startsWith("notes:alice"))).toEndWith("  nearly full");
  expect(lines).toContain("and 1 asleep, 1 stopped (ten ps -a)");
});

test("-a shows all, --quiet no count, --json the data", async () => {
  expect((await ten("ps", "-a")).out.match(/^notes:\w+/gm)).toHaveLength(4);
  expect((await ten("ps", "-a")).out).not.toContain("and 1");
  expect((await ten("ps", "--quiet")).out).not.toContain("and 1");
  const list = JSON.parse((await ten("ps", "--json")).out) as { id: string }[];
  expect(list.map(({ id }) => id)).toEqual(["notes:alice", "notes:dan"]);
});

test("is in colour on a terminal, unless NO_COLOR says otherwise", async () => {
  const onTerminal = await runWith(shellOf({ isTerminal: true }), "ps");
  expect(onTerminal.out).toContain("\x1b[32mrunning\x1b[39m");
  const plain = await runWith(shellOf({ isTerminal: true, env: { NO_COLOR: "1" } }), "ps");
  expect(plain.out).not.toContain("\x1b");
});

test.each([true, false])("--watch continues until Ctrl-C (terminal: %p)", async (isTerminal) => {
  const shell = shellOf({ isTerminal, env: { NO_COLOR: "1" } });
  const running = runWith(shell, "ps", "--watch");
  await shell.untilPrinted("notes:alice");
  api.world.administration.add("notes:eve", { state: "starting", health: "unknown" });
  await shell.untilPrinted("notes:eve");
  shell.interrupt();
  expect((await running).exit).toBe(0);
  expect(shell.out.startsWith("\x1b[H\x1b[J")).toBe(isTerminal);
});
