import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkSocket } from "../../../../src/isolation/walls/socket-link.ts";

let directory: string;
let source: string;
let target: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-walls-"));
  source = join(directory, "source");
  target = join(directory, "target");
});

afterEach(() => rmSync(directory, { recursive: true }));

function listen(path: string, text: string): Bun.Server<undefined> {
  return Bun.serve({ unix: path, fetch: () => new Response(text) });
}

async function ask(path: string): Promise<string> {
  return await (await fetch("http://tenant/", { unix: path, keepalive: false })).text();
}

describe("a tenant's socket", () => {
  test("is reached at the server's path, also after the tenant made it anew", async () => {
    linkSocket(source, target);
    expect(existsSync(target)).toBe(false);
    const first = listen(source, "first");
    linkSocket(source, target);
    expect(await ask(target)).toBe("first");
    await first.stop(true);
    rmSync(source, { force: true });
    const second = listen(source, "second");
    linkSocket(source, target);
    expect(await ask(target)).toBe("second");
    await second.stop(true);
  });

  test("that becomes a link to another socket is not followed", async () => {
    const other = listen(join(directory, "other"), "other");
    const own = listen(source, "own");
    linkSocket(source, target);
    unlinkSync(source);
    symlinkSync(join(directory, "other"), source);
    linkSocket(source, target);
    expect(await ask(target)).toBe("own");
    await Promise.all([other.stop(true), own.stop(true)]);
  });

  test("that is a link or a file from the start is ignored", () => {
    const other = listen(join(directory, "other"), "other");
    symlinkSync(join(directory, "other"), source);
    linkSocket(source, target);
    unlinkSync(source);
    writeFileSync(source, "");
    linkSocket(source, target);
    expect(lstatSync(target, { throwIfNoEntry: false })).toBeUndefined();
    void other.stop(true);
  });
});
