import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkSocket, SocketLink } from "../../../../src/isolation/walls/socket-link.ts";

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

const SHARED_MEMORY = "/dev/shm";
const hasOtherFileSystem =
  existsSync(SHARED_MEMORY) && statSync(SHARED_MEMORY).dev !== statSync(tmpdir()).dev;
/** More than ext4 gives to one file; a file system that gives more can't run out of them here. */
const LINKS_MAX = 66_000;

describe.skipIf(!hasOtherFileSystem)("a socket on another file system", () => {
  let elsewhere: string;
  let link: SocketLink;

  beforeEach(() => {
    elsewhere = mkdtempSync(join(SHARED_MEMORY, "ten-walls-"));
    link = new SocketLink(join(elsewhere, "source"), target);
  });

  afterEach(() => {
    link.close();
    rmSync(elsewhere, { recursive: true });
  });

  test("is reached at the server's path, also after the tenant made it anew", async () => {
    link.renew();
    expect(existsSync(target)).toBe(false);
    for (const text of ["first", "second"]) {
      const server = listen(join(elsewhere, "source"), text);
      link.renew();
      expect(await ask(target)).toBe(text);
      await server.stop(true);
      rmSync(join(elsewhere, "source"), { force: true });
    }
  });

  test("that becomes a link to another socket is not followed", async () => {
    const other = listen(join(directory, "other"), "other");
    const own = listen(join(elsewhere, "source"), "own");
    link.renew();
    unlinkSync(join(elsewhere, "source"));
    symlinkSync(join(directory, "other"), join(elsewhere, "source"));
    link.renew();
    expect(await ask(target)).toBe("own");
    await Promise.all([other.stop(true), own.stop(true)]);
  });

  test("is held by one descriptor, until the link is closed", async () => {
    const own = listen(join(elsewhere, "source"), "own");
    for (let round = 0; round < 3; round++) link.renew();
    const descriptor = readlinkSync(target);
    expect(readlinkSync(descriptor)).toBe(join(elsewhere, "source"));
    link.renew();
    expect(readlinkSync(target)).toBe(descriptor);
    link.close();
    expect(existsSync(descriptor)).toBe(false);
    await own.stop(true);
  });
});

test("a socket to which the tenant has made all possible links is reached", async () => {
  const own = listen(source, "own");
  try {
    for (let index = 0; index < LINKS_MAX; index++) linkSync(source, join(directory, `l${index}`));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EMLINK");
  }
  const link = new SocketLink(source, target);
  link.renew();
  expect(await ask(target)).toBe("own");
  link.close();
  await own.stop(true);
}, 60_000);
