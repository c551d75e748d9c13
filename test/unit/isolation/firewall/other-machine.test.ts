// Needs root: two networks of its own, one with a server's firewall.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { IPROUTE, isMissing, NFTABLES } from "../../../support/tool.ts";
import {
  attemptAll,
  OTHER,
  openTwoMachines,
  SERVER,
  SERVER6,
  type TwoMachines,
} from "../../../support/two-machines.ts";
import { LISTENING, type Order } from "./server-machine.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const isUnable =
  !isRoot || isMissing(NFTABLES) || isMissing(IPROUTE) || !existsSync("/usr/bin/python3");
const { control, claimed, unowned, unknown } = LISTENING;
/** More than the queue of a listener has room for. */
const FLOOD = 30;

describe.skipIf(isUnable)("another machine", () => {
  let machines: TwoMachines;
  let server: Bun.Subprocess<"pipe", "pipe", "inherit">;
  let answer: () => Promise<string>;

  async function order(line: Order): Promise<string> {
    server.stdin.write(`${line}\n`);
    server.stdin.flush();
    return await answer();
  }

  beforeAll(async () => {
    machines = await openTwoMachines();
    const argv = [process.execPath, join(import.meta.dir, "server-machine.ts")];
    server = Bun.spawn([...machines.server, ...argv], { stdio: ["pipe", "pipe", "inherit"] });
    const answers = server.stdout.getReader();
    answer = async () => new TextDecoder().decode((await answers.read()).value).trim();
    expect(await answer()).toBe("ready");
  });

  afterAll(async () => {
    server.stdin.write("end\n");
    server.stdin.end();
    await server.exited;
    machines[Symbol.dispose]();
  });

  test.each([SERVER, SERVER6])(
    "reaches no port of an instance at %s, whatever it listens on",
    async (address) => {
      const ports = [claimed, unowned, unknown, control];
      const outcomes = await attemptAll(machines, { address, control, ports });
      expect(outcomes).toEqual(["silent", "silent", "silent", "open"]);
    },
  );

  test.each([SERVER, SERVER6])("reaches none by very many attempts at %s", async (address) => {
    const ports = [claimed, unowned, unknown].flatMap((port) => Array<number>(FLOOD).fill(port));
    const outcomes = await attemptAll(machines, { address, control, ports });
    expect(new Set(outcomes)).toEqual(new Set(["silent"]));
  });

  test("is reached by the instance, which reaches its own ports by every address", async () => {
    const listening = Bun.spawn(
      [
        ...machines.other,
        ...["/usr/bin/python3", "-c"],
        `import socket, sys
listener = socket.create_server(("", ${claimed}))
print("listens", flush=True)
sys.stdin.read()`,
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    await listening.stdout.getReader().read();
    expect(await order(`reach ${OTHER} ${claimed}`)).toBe("true");
    for (const address of ["127.0.0.1", "::1", SERVER, SERVER6]) {
      expect(await order(`reach ${address} ${claimed}`)).toBe("true");
      expect(await order(`reach ${address} ${unknown}`)).toBe("true");
    }
    listening.kill("SIGKILL");
  });
});
