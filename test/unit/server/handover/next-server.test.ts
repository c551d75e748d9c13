import { expect, test } from "bun:test";
import { join } from "node:path";

const program = join(import.meta.dir, "next-server-process.ts");

/** The lines that the previous server prints once the next one has failed in this way. */
async function linesOf(way: string): Promise<readonly string[]> {
  const server = Bun.spawn([process.execPath, program, way], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = (await server.stdout.text()).trim().split("\n");
  expect(await server.exited).toBe(0);
  return lines;
}

test("a next server that has already ended is no further error", async () => {
  expect(await linesOf("ended")).toEqual(["Cannot start the new server: it fails"]);
});

test("a next server that hangs before it names its process is given up", async () => {
  const [pid, ...lines] = await linesOf("hanging");
  process.kill(Number(pid), "SIGKILL");
  expect(lines).toEqual(["Cannot start the new server: it fails"]);
});
