import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailureError } from "../../../src/core/failure.ts";
import { makeSocketPlace } from "../../../src/isolation/socket-place.ts";
import { serviceWith } from "../../support/service.ts";
import { isMissing, PYTHON } from "../../support/tool.ts";

const STRANGER = 54_321;
const ELSEWHERE = "set socket in [service.notes] to a path elsewhere, or leave it out";
const isRoot = process.geteuid?.() === 0;

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), "ten-socket-place-"));
  path = join(directory, "sockets", "app.sock");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The failure of a start with that socket; null: there is none. */
function refusal(socket = path) {
  try {
    makeSocketPlace(socket, { dataDir: join(directory, "data"), service: serviceWith() });
    return null;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
}

function make(mode: number, at = join(directory, "sockets")): string {
  mkdirSync(at, { recursive: true });
  chmodSync(at, mode);
  return at;
}

/** Leaves the file of a socket that nobody listens on. */
function leaveStale(at: string): void {
  const script = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])";
  Bun.spawnSync(["python3", "-c", script, at]);
  expect(lstatSync(at).isSocket()).toBe(true);
}

describe("the directory of a configured socket", () => {
  test("is made for the server alone", () => {
    expect(refusal()).toBeNull();
    expect(lstatSync(join(directory, "sockets")).mode & 0o777).toBe(0o700);
  });

  test("may be writable for others where it is sticky", () => {
    make(0o1777);
    expect(refusal()).toBeNull();
  });

  test("is refused where other users may write it", () => {
    const sockets = make(0o707);
    expect(refusal()).toEqual({
      code: "START_FAILED",
      reason: `its socket's directory ${sockets} is not safe: other users may write ${sockets}`,
      hint: `chmod go-w ${sockets}, or ${ELSEWHERE}`,
    });
  });

  test("is refused where other users may write a directory above it", () => {
    make(0o700, join(directory, "open", "sockets"));
    const open = make(0o777, join(directory, "open"));
    expect(refusal(join(open, "sockets", "app.sock"))?.reason).toEndWith(
      `other users may write ${open}`,
    );
  });

  test.skipIf(!isRoot)("is refused where another group may write it, but not the server's", () => {
    const sockets = make(0o770);
    expect(refusal()).toBeNull();
    chownSync(sockets, 0, STRANGER);
    expect(refusal()?.reason).toEndWith(`other users may write ${sockets}`);
  });

  test.skipIf(!isRoot)("is refused where it belongs to another user", () => {
    const sockets = make(0o700);
    chownSync(sockets, STRANGER, STRANGER);
    expect(refusal()).toMatchObject({
      reason: `its socket's directory ${sockets} is not safe: ${sockets} belongs to user ${STRANGER}`,
      hint: `S${ELSEWHERE.slice(1)}`,
    });
  });

  test.skipIf(!isRoot)("may be a link of the server's user, but not of another one", async () => {
    make(0o700);
    const link = join(directory, "link");
    symlinkSync("sockets", link);
    expect(refusal(join(link, "app.sock"))).toBeNull();
    const { exited } = Bun.spawn(["chown", "-h", String(STRANGER), link]);
    await exited;
    expect(refusal(join(link, "app.sock"))?.reason).toEndWith(
      `${link} belongs to user ${STRANGER}`,
    );
  });

  test("is refused where it is behind a link into a directory that other users may write", () => {
    const open = make(0o777, join(directory, "open"));
    symlinkSync(open, join(directory, "link"));
    expect(refusal(join(directory, "link", "app.sock"))?.reason).toEndWith(
      `other users may write ${open}`,
    );
  });

  test("is trusted up to the data directory, wherever that is", () => {
    const sockets = make(0o700, join(directory, "data", "notes"));
    make(0o777, directory);
    expect(refusal(join(sockets, "app.sock"))).toBeNull();
    make(0o777, sockets);
    expect(refusal(join(sockets, "app.sock"))?.reason).toEndWith(
      `other users may write ${sockets}`,
    );
  });

  test("is refused where it can't be made", () => {
    writeFileSync(join(directory, "sockets"), "");
    expect(refusal()?.hint).toBe(`Make it for the server's user, or ${ELSEWHERE}`);
  });
});

describe("the server's own directory of sockets", () => {
  const own = () => join(directory, "data", ".run");

  test("is closed to others, whoever had it before", () => {
    make(0o777, own());
    if (isRoot) chownSync(own(), STRANGER, STRANGER);
    expect(refusal(join(own(), "notes.alice.sock"))).toBeNull();
    const { mode, uid } = lstatSync(own());
    expect({ mode: mode & 0o777, uid }).toEqual({ mode: 0o700, uid: process.geteuid?.() ?? 0 });
  });

  test("is never a link", () => {
    mkdirSync(join(directory, "data"));
    symlinkSync(make(0o755, join(directory, "other")), own());
    expect(refusal(join(own(), "notes.alice.sock"))).toMatchObject({
      reason: expect.stringContaining(`the server's directory of sockets ${own()} can't be used: `),
      hint: "Remove it: the server makes it again",
    });
    expect(lstatSync(join(directory, "other")).mode & 0o777).toBe(0o755);
  });
});

describe("the path of a socket", () => {
  beforeEach(() => make(0o700));

  test.skipIf(isMissing(PYTHON))("is freed of a stale socket", () => {
    leaveStale(path);
    expect(refusal()).toBeNull();
    expect(existsSync(path)).toBe(false);
  });

  test.skipIf(process.platform !== "linux")(
    "is refused while another program listens on it",
    async () => {
      await using _ = Bun.serve({ unix: path, fetch: () => new Response() });
      expect(refusal()).toEqual({
        code: "START_FAILED",
        reason: `another program is already listening on ${path}`,
        hint: "End that program, or set socket in [service.notes] to another path",
      });
      expect(existsSync(path)).toBe(true);
    },
  );

  test("is refused where another file is, which stays", () => {
    writeFileSync(path, "data");
    expect(refusal()?.reason).toBe(`${path} is not a socket`);
    rmSync(path);
    symlinkSync("/nonexistent", path);
    expect(refusal()?.reason).toBe(`${path} is not a socket`);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
  });
});
