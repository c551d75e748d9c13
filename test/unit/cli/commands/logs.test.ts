import { expect, test } from "bun:test";
import { until } from "../../../support/until.ts";
import { lineOf } from "../../control/fake-logs.ts";
import { useApi } from "../api.ts";
import { runWith } from "../fakes.ts";

const api = useApi();
const { shellOf, ten } = api;

test("prints lines of one instance, of a service, or of all", async () => {
  api.world.logs.write(
    lineOf("notes:alice", "one"),
    lineOf("notes:bob", "two"),
    lineOf("wiki:a", "x"),
  );
  const texts = async (...argv: string[]) =>
    (await ten("logs", ...argv)).out.match(/\S+$/gm)?.join(" ");
  expect(await texts("notes:alice")).toBe("one");
  expect(await texts("notes")).toBe("one two");
  expect(await texts()).toBe("one two x");
  expect((await ten("logs", "notes:alice")).out).toMatch(
    /^2026-0[12]-[03]\d \d\d:00:00\.000 notes:alice one\n$/,
  );
});

test("names the server before the text of its own lines, where no tenant can write", async () => {
  api.world.logs.write(
    lineOf("notes:alice", "the process exited", { stream: "server" }),
    lineOf("notes:alice", "server notes:alice the process exited"),
  );
  const { out } = await ten("logs", "notes:alice");
  expect(out.match(/00\.000 .*$/gm)).toEqual([
    "00.000 server notes:alice the process exited",
    "00.000 notes:alice server notes:alice the process exited",
  ]);
});

test("passes its filters on", async () => {
  await ten("logs", "--level", "stderr", "--search", "a b", "--limit", "5", "notes:alice");
  expect(api.world.logs.queries[0]).toEqual({
    filter: { service: "notes", id: "alice", stream: "stderr", search: "a b" },
    limit: 5,
  });
  expect((await ten("logs", "--since", "soon")).exit).toBe(2);
});

test("for an unknown instance it ends with 3, followed or not", async () => {
  expect((await ten("logs", "notes:zed")).exit).toBe(3);
  expect((await ten("logs", "notes:zed", "-f")).exit).toBe(3);
  expect(await ten("logs", "notes:bob")).toEqual({ exit: 0, out: "", err: "" });
});

test("-f continues with new lines and ends with 0 at Ctrl-C", async () => {
  api.world.logs.write(lineOf("notes:alice", "old"));
  const shell = shellOf();
  const running = runWith(shell, "logs", "-f", "notes:alice");
  await shell.untilPrinted("old");
  api.world.logs.write(lineOf("notes:alice", "new"));
  await shell.untilPrinted("new");
  shell.interrupt();
  expect(await running).toMatchObject({ exit: 0, err: "" });
  await until("the server has noticed", () => api.world.logs.followers.size === 0);
});

test("-f ends with 0 when nobody reads the output any more", async () => {
  api.world.logs.write(lineOf("notes:alice", "old"));
  const shell = shellOf();
  const running = runWith(shell, "logs", "-f", "notes:alice");
  await shell.untilPrinted("old");
  shell.closeOutput();
  expect(await running).toMatchObject({ exit: 0, err: "" });
});

test("-f ends with 4 when the server goes away", async () => {
  api.world.logs.write(lineOf("notes:alice", "old"));
  const shell = shellOf();
  const running = runWith(shell, "logs", "-f");
  await shell.untilPrinted("old");
  await api.world.close();
  expect((await running).exit).toBe(4);
});

test("a tenant's control characters reach a file, not a terminal; --json is one line each", async () => {
  api.world.logs.write(lineOf("notes:alice", "\x1b]0;x\x07"), lineOf("notes:alice", "b"));
  expect((await ten("logs")).out).toContain("\x1b]0;x\x07");
  expect((await runWith(shellOf({ isTerminal: true }), "logs")).out).toContain("\\x1b]0;x\\x07");
  const lines = (await ten("logs", "--json")).out.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(["\x1b]0;x\x07", "b"]);
});

test("prints all lines, of however many answers", async () => {
  api.world.logs.pageLines = 2;
  api.world.logs.write(...["a", "b", "c", "d", "e"].map((text) => lineOf("notes:alice", text)));
  expect((await ten("logs", "notes:alice")).out.match(/\S+$/gm)?.join(" ")).toBe("a b c d e");
  expect((await ten("logs", "notes:alice", "-n", "3")).out.match(/\S+$/gm)?.join(" ")).toBe(
    "c d e",
  );
});
