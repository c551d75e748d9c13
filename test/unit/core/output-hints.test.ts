import { expect, test } from "bun:test";
import { hintFromOutput } from "../../../src/core/output-hints.ts";
import { serviceWith } from "../../support/service.ts";

const SERVICE = serviceWith({ isolation: "namespace", workdir: "/srv/app" });

const FAILED = {
  reason: "exited with code 1",
  lines: [],
  service: SERVICE,
  port: 31_234,
  dataDir: "/data/notes/alice",
  isReplacement: false,
};

test.each([
  "Permission denied",
  "Error: listen EACCES: permission denied 0.0.0.0:3000",
  "Permission to listen on port 8844 denied.",
  "listen tcp :8080: bind: permission denied",
  '`initialize\': Permission denied - bind(2) for "0.0.0.0" port 9292 (Errno::EACCES)',
  "zmq.error.ZMQError: Permission denied (addr='tcp://127.0.0.1:55031')",
])("a port that is refused: %s", (line) => {
  expect(hintFromOutput({ ...FAILED, lines: ["starting", line] })).toBe(
    "Behind walls it can listen only on PORT (31234) or SOCKET_PATH: pass {port}, for example --port {port}; for more ports see extra_ports and bind",
  );
});

test.each([
  "Error: mkdir /srv/app/pb_data: read-only file system",
  "EROFS: read-only file system, mkdir '/srv/app/server-files'",
  "ENOENT: no such file or directory, mkdir '/srv/app/verdaccio'",
  "OSError: [Errno 30] Read-only file system: '/srv/app/.nicegui'",
])("a directory that can't be written: %s", (line) => {
  expect(hintFromOutput({ ...FAILED, lines: [line] })).toBe(
    "Behind walls it can write only to its data directory, /data/notes/alice, and /tmp: see workdir_writable and state_paths",
  );
});

test("a lock of the data, for a replacement alone", () => {
  const lines = ['IO Error: Could not set lock on file "/data/notes/alice/a.duckdb"'];
  expect(hintFromOutput({ ...FAILED, lines, isReplacement: true })).toContain(
    'set rollout = "replace"',
  );
  expect(hintFromOutput({ ...FAILED, lines })).toBeNull();
  const service = serviceWith({ rollout: "replace" });
  expect(hintFromOutput({ ...FAILED, lines, service, isReplacement: true })).toBeNull();
});

test("an application that goes to the background", () => {
  expect(hintFromOutput({ ...FAILED, reason: "exited with code 0" })).toBe(
    "A web application stays in the foreground and listens on PORT",
  );
});

test.each([
  "Error: Cannot find module '/srv/app/listen/index.js'",
  "open '/srv/app/listen/key.pem': permission denied",
  "python3: can't open file '/srv/app/app.py': [Errno 2] No such file or directory",
  "database 'notes' does not exist",
  "access denied for user 'notes'",
])("no known cause: %s", (line) => {
  expect(hintFromOutput({ ...FAILED, lines: [line], isReplacement: true })).toBeNull();
});

test("where walls allow other ports, none about ports", () => {
  const lines = ["listen EACCES: permission denied 0.0.0.0:80"];
  for (const changes of [{ bindAny: true }, { network: "private" }] as const) {
    const service = { ...SERVICE, ...changes };
    expect(hintFromOutput({ ...FAILED, lines, service })).toBeNull();
  }
});

test("without walls, none of the walls' own", () => {
  const service = serviceWith({ isolation: "process" });
  for (const line of ["Permission denied", "Read-only file system"]) {
    expect(hintFromOutput({ ...FAILED, lines: [line], service })).toBeNull();
  }
});
