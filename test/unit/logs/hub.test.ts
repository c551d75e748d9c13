import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceRef, SlotRef } from "../../../src/core/ref.ts";
import { LogArchive } from "../../../src/logs/archive/archive.ts";
import { type LogHub, openLogHub } from "../../../src/logs/hub.ts";
import type { LogFilter, LogLine } from "../../../src/logs/line.ts";
import { type Output, openOutput } from "../../../src/platform/process/output-pipes.ts";

const ALICE = { service: "notes", id: "alice" };
const BOB = { service: "notes", id: "bob" };
const QUERY_MAX = 10_000;
let directory: string;
let file: string;
let notices: string[];
let closers: (() => Promise<void> | void)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-log-hub-"));
  file = join(directory, "logs.db");
  notices = [];
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

async function openHub(): Promise<LogHub> {
  const hub = await openLogHub({
    file,
    retentionMs: 86_400_000,
    maxBytes: 1 << 30,
    onNotice: (text) => notices.push(text),
  });
  closers.push(async () => await hub[Symbol.asyncDispose]());
  return hub;
}

/** The descriptors of this process that lead to a file. */
function countOpen(path: string): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return null;
    }
  });
  return links.filter((link) => link === path).length;
}

const slotOf = (ref: InstanceRef): SlotRef => ({ ref, slot: 0 });

/** A launch of a tenant: its ends of the pipes. */
function launch(ref: InstanceRef): Output {
  const output = openOutput(directory, slotOf(ref));
  closers.push(() => output.close());
  return output;
}

async function texts(hub: LogHub, filter: LogFilter = {}): Promise<string[]> {
  return (await hub.query(filter, QUERY_MAX)).lines.map(({ text }) => text);
}

/** The next lines that a follower without a filter gets, until there are `count`. */
function followed(hub: LogHub, { count, filter = {} }: { count: number; filter?: LogFilter }) {
  const { promise, resolve } = Promise.withResolvers<LogLine[]>();
  const all: LogLine[] = [];
  const end = hub.follow(filter, (lines) => {
    all.push(...lines);
    if (all.length >= count) resolve(all);
  });
  return promise.finally(end);
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}`);

test("reads both processes of an instance without mixing their output within a line", async () => {
  const hub = await openHub();
  const [old, next] = ([0, 1] as const).map((slot) => {
    const output = openOutput(directory, { ref: ALICE, slot });
    closers.push(() => output.close());
    hub.attach({ ref: ALICE, slot }, output.pipes);
    return output.fds.stdout;
  });
  for (const [fd, text] of [
    [old, "old "],
    [next, "new "],
    [old, "process\n"],
    [next, "process\n"],
  ] as const) {
    writeSync(fd ?? -1, text);
    await texts(hub);
  }
  expect(await texts(hub)).toEqual(["old process", "new process"]);
});

test("a query returns every line written before it, oldest first, with its instance and stream", async () => {
  const hub = await openHub();
  const output = launch(ALICE);
  hub.attach(slotOf(ALICE), output.pipes);
  const writtenAt = Date.now();
  writeSync(output.fds.stdout, "one\ntwo\n");
  expect(await texts(hub)).toEqual(["one", "two"]);
  writeSync(output.fds.stderr, "three\nunfinished");
  const { lines } = await hub.query({}, 2);
  expect(lines.map(({ text, stream, ref }) => ({ text, stream, ref }))).toEqual([
    { text: "two", stream: "stdout", ref: ALICE },
    { text: "three", stream: "stderr", ref: ALICE },
  ]);
  expect(lines[0]?.at).toBeGreaterThanOrEqual(writtenAt);
  expect(lines[0]?.at).toBeLessThanOrEqual(Date.now());
  expect(await texts(hub, { stream: "stderr", search: "THREE" })).toEqual(["three"]);
  expect(hub.counters()).toEqual({ stored: 3, dropped: 0 });
});

test("a query returns at most 4 MB of the newest lines, and the place at which the next goes on", async () => {
  const archive = new LogArchive({ file, retentionMs: 86_400_000, maxBytes: 1 << 30 });
  const long = "x".repeat(16 * 1024);
  const written = Array.from({ length: 600 }, (_, index) => `${index} ${long}`);
  const lines = written.map(
    (text) => ({ at: Date.now(), ref: ALICE, stream: "stdout", text }) as const,
  );
  archive.append(lines, { journal: "j", seq: 1 });
  archive.close();
  const hub = await openHub();
  const pages: string[][] = [];
  for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null;) {
    const page = await hub.query({ ...ALICE, before }, QUERY_MAX);
    expect(JSON.stringify(page.lines).length).toBeLessThan(4 * 1024 * 1024);
    pages.unshift(page.lines.map(({ text }) => text));
    before = page.older;
  }
  expect(pages.flat()).toEqual(written);
  expect(pages.length).toBe(3);
});

test("a query returns a whole burst that fills a pipe many times over", async () => {
  const hub = await openHub();
  const output = launch(ALICE);
  hub.attach(slotOf(ALICE), output.pipes);
  const child = Bun.spawn(["seq", "-f", "line %.0f", "1", "9999"], {
    stdio: ["ignore", output.fds.stdout, output.fds.stderr],
  });
  await child.exited;
  expect(await texts(hub)).toEqual(numbered(1, 10_000));
});

test("a follower gets the matching lines from its start until its end", async () => {
  const hub = await openHub();
  const [alice, bob] = [launch(ALICE), launch(BOB)];
  hub.attach(slotOf(ALICE), alice.pipes);
  hub.attach(slotOf(BOB), bob.pipes);
  writeSync(alice.fds.stdout, "fish before\n");
  await texts(hub);
  const first = followed(hub, { count: 1, filter: { id: "alice", search: "fish" } });
  // Answered after the follower is in place.
  await texts(hub);
  writeSync(bob.fds.stdout, "bob's fish\n");
  writeSync(alice.fds.stdout, "no match\na fish\n");
  expect((await first).map(({ text }) => text)).toEqual(["a fish"]);
  const second = followed(hub, { count: 2 });
  await texts(hub);
  writeSync(alice.fds.stdout, "last fish\n");
  hub.note(BOB, "stopped");
  expect((await second).map(({ text }) => text).sort()).toEqual(["last fish", "stopped"]);
  expect(await first).toHaveLength(1);
});

test("lines of the server's own are a stream of their own, which a tenant can't write", async () => {
  const hub = await openHub();
  const alice = launch(ALICE);
  hub.attach(slotOf(ALICE), alice.pipes);
  hub.note(ALICE, "the process exited with code 1");
  writeSync(alice.fds.stdout, "the process exited with code 2\n");
  writeSync(alice.fds.stderr, "the process exited with code 3\n");
  expect((await texts(hub, ALICE)).sort()).toHaveLength(3);
  expect(await texts(hub, { ...ALICE, stream: "server" })).toEqual([
    "the process exited with code 1",
  ]);
});

test("reads the next launch after all writers of the previous one have ended", async () => {
  const hub = await openHub();
  for (const round of ["first", "second", "third"]) {
    const output = launch(ALICE);
    hub.attach(slotOf(ALICE), output.pipes);
    writeSync(output.fds.stdout, `${round}\n${round} without an end`);
    output.close();
    await texts(hub);
  }
  expect(await texts(hub)).toEqual(
    ["first", "second", "third"].flatMap((round) => [round, `${round} without an end`]),
  );
});

test("reads a launch that ends before the first turn of the reader", async () => {
  const hub = await openHub();
  const output = launch(ALICE);
  hub.attach(slotOf(ALICE), output.pipes);
  writeSync(output.fds.stdout, "last words\n");
  output.close();
  expect(await texts(hub)).toEqual(["last words"]);
});

test("attaching again while a writer is left makes no second reader", async () => {
  const hub = await openHub();
  const descendant = launch(ALICE);
  hub.attach(slotOf(ALICE), descendant.pipes);
  const next = launch(ALICE);
  for (let round = 0; round < 5; round += 1) hub.attach(slotOf(ALICE), next.pipes);
  for (const text of numbered(0, 200)) writeSync(next.fds.stdout, `${text}\n`);
  descendant.close();
  for (const text of numbered(200, 400)) writeSync(next.fds.stdout, `${text}\n`);
  expect(await texts(hub)).toEqual(numbered(0, 400));
});

test("output that can't be read fails with the bare reason, behind which the catcher names the instance", async () => {
  const hub = await openHub();
  const missing = { stdout: join(directory, "none"), stderr: join(directory, "none") };
  expect(() => hub.attach(slotOf(ALICE), missing)).toThrow(/^its output can't be read: ENOENT/);
});

test("closing stores the contents of the pipes, and the next hub goes on in the middle of a line", async () => {
  const output = launch(ALICE);
  const first = await openHub();
  first.attach(slotOf(ALICE), output.pipes);
  writeSync(output.fds.stdout, "whole\nha");
  await first[Symbol.asyncDispose]();
  writeSync(output.fds.stdout, "lf\nmeanwhile\n");
  const second = await openHub();
  second.attach(slotOf(ALICE), output.pipes);
  expect(await texts(second)).toEqual(["whole", "half", "meanwhile"]);
});

test("a closed hub ignores notes and rejects queries", async () => {
  const output = launch(ALICE);
  const hub = await openHub();
  await hub[Symbol.asyncDispose]();
  hub.note(ALICE, "too late");
  hub.attach(slotOf(ALICE), output.pipes);
  await expect(hub.query({}, 1)).rejects.toThrow("Cannot search the logs: they are closed");
});

test("no line is lost or doubled when the reading process is killed", async () => {
  const output = launch(ALICE);
  let written = 0;
  const write = (count: number) => {
    for (const end = written + count; written < end; written += 1) {
      writeSync(output.fds.stdout, `line ${written}\n`);
    }
  };
  for (let round = 0; round < 6; round += 1) {
    const script = join(import.meta.dir, "hub-process.ts");
    const child = Bun.spawn([process.execPath, script, file, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    closers.push(() => child.kill("SIGKILL"));
    // More lines answer each of its messages, so that it is killed while it reads, at another moment each round.
    let messages = 0;
    for await (const _ of child.stdout) {
      write(37);
      messages += 1;
      if (messages > round * 3) child.kill("SIGKILL");
    }
    await child.exited;
    expect(messages).toBeGreaterThan(round * 3);
    write(11);
  }
  const hub = await openHub();
  hub.attach(slotOf(ALICE), output.pipes);
  expect(await texts(hub)).toEqual(numbered(0, written));
}, 60_000);

test("counts and reports the lines that it drops of a flood, and accounts for every line", async () => {
  const hub = await openHub();
  const [alice, bob] = [launch(ALICE), launch(BOB)];
  hub.attach(slotOf(ALICE), alice.pipes);
  hub.attach(slotOf(BOB), bob.pipes);
  // 128 MiB at once: four times the burst that is kept completely.
  const child = Bun.spawn(["sh", "-c", `yes ${"x".repeat(8191)} | head -n 16384`], {
    stdio: ["ignore", alice.fds.stdout, alice.fds.stderr],
  });
  await child.exited;
  writeSync(bob.fds.stdout, "still heard\n");
  expect(await texts(hub, BOB)).toEqual(["still heard"]);
  let notes: string[] = [];
  const dropped = () =>
    notes.reduce((sum, text) => sum + Number(/^dropped (\d+) lines$/.exec(text)?.[1]), 0);
  do {
    notes = await texts(hub, { ...ALICE, stream: "server" });
  } while (dropped() < hub.counters().dropped);
  expect(hub.counters().dropped).toBeGreaterThan(4000);
  expect(hub.counters().stored + dropped()).toBe(16_384 + 1 + notes.length);
}, 60_000);

test("forgets the lines of one instance only", async () => {
  const hub = await openHub();
  const output = launch(ALICE);
  hub.attach(slotOf(ALICE), output.pipes);
  writeSync(output.fds.stdout, "another secret\n");
  hub.note(ALICE, "secret");
  hub.note(BOB, "public");
  hub.forget(ALICE);
  expect(await texts(hub)).toEqual(["public"]);
  expect(readFileSync(`${file}.intake`, "latin1")).not.toContain("secret");
  hub.note(ALICE, "a new alice");
  expect(await texts(hub)).toEqual(["public", "a new alice"]);
});

test("sets a damaged database aside, reports that once, and keeps new lines", async () => {
  writeFileSync(file, "no database at all, whatever the name says\n".repeat(200));
  const hub = await openHub();
  hub.note(ALICE, "kept");
  let found: string[] = [];
  while (found.length === 0) found = await texts(hub).catch(() => []);
  expect(found).toEqual(["kept"]);
  expect(notices).toEqual([expect.stringMatching(/^Cannot read ".*logs.db": .* logs start anew$/)]);
  expect(readdirSync(directory).filter((name) => name.includes(".broken-"))).toHaveLength(1);
});

test("keeps lines while the database is locked, and stores them afterwards", async () => {
  const hub = await openHub();
  hub.note(ALICE, "before");
  expect(await texts(hub)).toEqual(["before"]);
  const other = new Database(file);
  other.run("BEGIN IMMEDIATE");
  hub.note(ALICE, "meanwhile");
  while (notices.length === 0) await texts(hub);
  expect(notices).toEqual(["Cannot store logs: database is locked"]);
  expect(await texts(hub)).toEqual(["before"]);
  other.run("COMMIT");
  other.close();
  while (hub.counters().stored < 2) await texts(hub);
  expect(await texts(hub)).toEqual(["before", "meanwhile"]);
  expect(notices).toHaveLength(1);
});

test("replaces a worker that fails: queries end, pipes and followers stay, and no descriptor leaks", async () => {
  const output = launch(ALICE);
  const hub = await openHub();
  const seen: string[] = [];
  hub.follow({}, (lines) => seen.push(...lines.map(({ text }) => text)));
  hub.attach(slotOf(ALICE), output.pipes);
  writeSync(output.fds.stdout, "before\n");
  while (seen.length === 0) expect(await texts(hub)).toEqual(["before"]);
  const readers = countOpen(output.pipes.stdout);
  hub.note(null as unknown as InstanceRef, "which fails");
  await expect(hub.query({}, 1)).rejects.toThrow("Cannot search the logs: the log worker failed");
  writeSync(output.fds.stdout, "after\n");
  expect(await texts(hub)).toEqual(["before", "after"]);
  while (seen.length < 2) await texts(hub);
  expect(seen).toEqual(["before", "after"]);
  expect(notices).toEqual([
    expect.stringMatching(/^The log worker failed and starts anew: TypeError/),
  ]);
  expect(countOpen(output.pipes.stdout)).toBe(readers);
});

test("closes the pipes whose last writer has closed them, and the others when it is closed", async () => {
  const hub = await openHub();
  const [alice, bob] = [launch(ALICE), launch(BOB)];
  hub.attach(slotOf(ALICE), alice.pipes);
  hub.attach(slotOf(BOB), bob.pipes);
  alice.close();
  while (countOpen(alice.pipes.stdout) > 0) await texts(hub);
  expect(countOpen(bob.pipes.stdout)).toBe(2);
  await hub[Symbol.asyncDispose]();
  expect(countOpen(bob.pipes.stdout)).toBe(1);
});

test("applies new limits at once", async () => {
  const hub = await openHub();
  hub.note(ALICE, "of yesterday");
  expect(await texts(hub)).toEqual(["of yesterday"]);
  hub.limit({ retentionMs: -1, maxBytes: 1 << 30 });
  expect(await texts(hub)).toEqual([]);
  hub.limit({ retentionMs: 86_400_000, maxBytes: 1 << 30 });
  hub.note(ALICE, "of today");
  expect((await texts(hub)).at(-1)).toBe("of today");
});
