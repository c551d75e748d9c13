import { expect, test } from "bun:test";
import { planExports, renderOrder } from "../../../../src/isolation/machine/agent-order.ts";

const LISTING = {
  directories: [
    "usr",
    "etc",
    "proc",
    "sys",
    "dev",
    "tmp",
    "run",
    "boot",
    "root",
    "home",
    "srv",
  ].map((name) => `/${name}`),
  links: { "/bin": "usr/bin" },
};

test("a machine sees the system, shown paths below hidden ones and writable paths, inner ones last", () => {
  const { exports, links } = planExports(LISTING, {
    read: ["/srv/app", "/root/app/inner", "/root/app"],
    write: ["/srv/data/notes/alice"],
  });
  expect(links).toEqual({ "/bin": "usr/bin" });
  expect(exports).toEqual([
    { tag: "ten0", path: "/usr", kind: "system" },
    { tag: "ten1", path: "/etc", kind: "system" },
    { tag: "ten2", path: "/srv", kind: "system" },
    { tag: "ten3", path: "/root/app", kind: "read" },
    { tag: "ten4", path: "/root/app/inner", kind: "read" },
    { tag: "ten5", path: "/srv/data/notes/alice", kind: "write" },
  ]);
});

test("an order has one record for each fact, which no value can break", () => {
  const order = renderOrder({
    channel: "ports",
    account: { user: 61_184, group: 61_184, home: "/data/notes/alice" },
    hostname: "alice",
    cwd: "/srv/app",
    port: 30_001,
    socketPath: "/tmp/s.sock",
    processesMax: 512,
    root: planExports({ directories: ["/usr"], links: {} }, { read: [], write: ["/data"] }),
    data: null,
    argv: ["/usr/bin/app", "a=b\nexit 0", ""],
    env: { TEXT: "x=y\nuid=0" },
  });
  expect(order.split("\0")).toEqual([
    "channel=ports",
    "uid=61184",
    "hostname=alice",
    "directory=/srv/app",
    "port=30001",
    "socket=/tmp/s.sock",
    "runtime=/tmp/run",
    "user=tenant:x:61184:61184:Tenant:/data/notes/alice:/bin/sh",
    "group=tenant:x:61184:",
    "processes=512",
    "system=ten0:/usr",
    "write=ten1:/data",
    "argument=/usr/bin/app",
    "argument=a=b\nexit 0",
    "argument=",
    "env=TEXT=x=y\nuid=0",
    "",
  ]);
});
