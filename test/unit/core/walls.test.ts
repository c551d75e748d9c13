import { describe, expect, test } from "bun:test";
import {
  bindablePorts,
  findWallGaps,
  isVisible,
  readablePaths,
  renderWalls,
  type Walls,
} from "../../../src/core/walls.ts";
import { serviceWith } from "../../support/service.ts";

const walls: Walls = {
  statusFile: "/data/.walls/notes/alice/status",
  identity: { kind: "user", id: 61_184 },
  dataDir: "/data",
  shown: null,
  secrets: [],
  read: ["/srv/app", "/opt/python"],
  write: ["/data/notes/alice", "/srv/shared"],
  socketDir: { outside: "/data/.walls/notes/alice/sockets", inside: "/tmp/tenement" },
  mounts: [
    { outside: "/data/.accounts/notes/alice/passwd", inside: "/etc/passwd", access: "read" },
  ],
  states: [{ outside: "/data/notes/alice/.ten/state/var/lib/x", inside: "/var/lib/x" }],
  layerDir: "/data/notes/alice/.ten/workdir",
  tmpDir: "/data/.walls/notes/alice/tmp",
  port: 30_000,
  bindable: [30_000],
  entry: null,
  seccomp: "default",
  hostname: "alice",
  cwd: "/srv/app",
};

function valuesOf(argv: readonly string[], option: string): string[] {
  return argv.filter((_, index) => argv[index - 1] === option);
}

describe("the launcher's command line", () => {
  test("lists every wall, then the command", () => {
    expect(renderWalls(walls, ["/usr/bin/python3", "--read", "/x"]).join(" ")).toBe(
      "--status /data/.walls/notes/alice/status --walls --uid 61184 --gid 61184 --hide /data " +
        "--read /srv/app --read /opt/python --write /data/notes/alice --write /srv/shared " +
        "--read-at /data/.accounts/notes/alice/passwd:/etc/passwd " +
        "--state /data/notes/alice/.ten/state/var/lib/x:/var/lib/x " +
        "--layer /data/notes/alice/.ten/workdir:/srv/app " +
        "--write-at /data/.walls/notes/alice/sockets:/tmp/tenement " +
        "--tmp /data/.walls/notes/alice/tmp --runtime-dir /tmp/run --bind-port 30000 --seccomp default " +
        "--hostname alice --chdir /srv/app " +
        "-- /usr/bin/python3 --read /x",
    );
  });

  test("lists what is shown, and what stays hidden in it", () => {
    const argv = renderWalls({ ...walls, shown: ["/usr"], secrets: ["/srv/app/.env"] }, ["app"]);
    expect(valuesOf(argv, "--show")).toEqual(["/usr"]);
    expect(valuesOf(argv, "--hide")).toEqual(["/data", "/srv/app/.env"]);
  });

  test("asks for a private network with a forwarded port", () => {
    const argv = renderWalls({ ...walls, entry: "/data/.walls/notes/alice/entry" }, ["app"]);
    expect(argv).toContain("--private-net");
    expect(valuesOf(argv, "--forward")).toEqual(["/data/.walls/notes/alice/entry:30000"]);
  });

  test("lists each port that may be bound", () => {
    const argv = renderWalls({ ...walls, bindable: [30_000, 30_007] }, ["app"]);
    expect(valuesOf(argv, "--bind-port")).toEqual(["30000", "30007"]);
  });

  test("leaves every port to the application where none is listed", () => {
    const argv = renderWalls({ ...walls, bindable: null }, ["app"]);
    expect(argv).not.toContain("--bind-port");
  });

  test("names no other user when the server is not root", () => {
    const argv = renderWalls({ ...walls, identity: { kind: "rootless" } }, ["app"]);
    expect(argv).toContain("--rootless");
    expect(argv).not.toContain("--uid");
  });

  test("allows unlisted system calls where the service says so", () => {
    const argv = renderWalls({ ...walls, seccomp: "permissive" }, ["app"]);
    expect(valuesOf(argv, "--seccomp")).toEqual(["permissive"]);
  });

  test("omits the socket's directory where another writable directory contains it", () => {
    const argv = renderWalls({ ...walls, socketDir: null }, ["app"]);
    expect(valuesOf(argv, "--write-at")).toEqual([]);
  });
});

describe("bindablePorts()", () => {
  const bindable = (changes: Parameters<typeof serviceWith>[0]) =>
    bindablePorts(serviceWith({ isolation: "namespace", ...changes }), [30_000, 30_001]);

  test("are the instance's ports on the network of the host", () => {
    expect(bindable({ network: null })).toEqual([30_000, 30_001]);
  });

  test("are all ports where the service says so", () => {
    expect(bindable({ bindAny: true })).toBeNull();
  });

  test("are all ports in a private network", () => {
    expect(bindable({ network: "private" })).toBeNull();
    expect(bindable({ isolation: "qemu" })).toBeNull();
  });
});

describe("readablePaths()", () => {
  const places = { dataDir: "/srv/app/data", instanceDir: "/srv/app/data/notes/alice" };
  const readable = (cwd: string) => readablePaths({ ...places, cwd, readPaths: ["/opt"] });

  test("includes the working directory, also one that contains the data directory or is the instance's own", () => {
    expect(readable("/srv/app")).toEqual(["/srv/app", "/opt"]);
    expect(readable("/srv/app/data/notes/alice")).toEqual(["/srv/app/data/notes/alice", "/opt"]);
    expect(readable("/srv/app/data/shared")).toEqual(["/srv/app/data/shared", "/opt"]);
  });

  test("omits a working directory that contains other instances", () => {
    expect(readable("/srv/app/data")).toEqual(["/opt"]);
    expect(readable("/srv/app/data/notes")).toEqual(["/opt"]);
  });
});

describe.each([
  { show: "software", listed: ["/usr", "/opt"], rest: false },
  { show: "host", listed: null, rest: true },
])("isVisible() where $show is shown", ({ listed, rest }) => {
  const shown = (path: string, read: string[] = []) =>
    isVisible(path, {
      dataDir: "/srv/app/data",
      shown: listed,
      secrets: ["/srv/app/.env", "/opt/closed"],
      read,
      write: ["/srv/app/data/notes/alice"],
    });

  const cases = [
    { path: "/usr/bin/python3", visible: true },
    { path: "/opt/tool", visible: true },
    { path: "/opt/closed/key", visible: false },
    { path: "/", visible: rest },
    { path: "/srv/app/main", visible: rest },
    { path: "/rooted/bin/python", visible: rest },
    { path: "/var/lib/x", visible: rest },
    { path: "/root/.pyenv/versions/3.12/bin/python3", visible: false },
    { path: "/home/alice/app", visible: false },
    { path: "/run/app", visible: false },
    { path: "/tmp/app", visible: false },
    { path: "/srv/app/data/notes/bob/app", visible: false },
    { path: "/srv/app/data/notes/alice/app", visible: true },
  ];
  for (const { path, visible } of cases) {
    test(`${path} is ${visible ? "visible" : "hidden"}`, () => {
      expect(shown(path)).toBe(visible);
    });
  }

  test("lets the innermost directory decide", () => {
    expect(shown("/root/.pyenv/bin/python", ["/root/.pyenv"])).toBe(true);
    expect(shown("/srv/app/data/notes/bob/app", ["/srv/app"])).toBe(false);
    expect(shown("/tmp/tool", ["/tmp/tool"])).toBe(true);
    expect(shown("/srv/app/main", ["/srv/app"])).toBe(true);
    expect(shown("/srv/app/.env", ["/srv/app"])).toBe(false);
  });
});

describe("findWallGaps()", () => {
  const walled = serviceWith({ isolation: "namespace" });

  test("finds nothing on a current host", () => {
    expect(findWallGaps(walled, { landlock: 6, firewall: null, processLimit: true })).toEqual([]);
  });

  test("says what tenants can do on a host without a wall", () => {
    const [ports, sockets] = findWallGaps(walled, {
      landlock: 3,
      firewall: "nft is not installed",
      processLimit: true,
    });
    expect(ports).toContain("nft is not installed");
    expect(sockets).toContain("bind free ports");
    const newer = { landlock: 5, firewall: null, processLimit: true };
    expect(findWallGaps(walled, newer)[0]).not.toContain("bind");
  });

  test("says what a service opens itself", () => {
    const host = { landlock: 6, firewall: null, processLimit: true };
    expect(findWallGaps({ ...walled, bindAny: true }, host)).toEqual([
      'they can bind ports of the host that are meant for others: bind is "any"',
    ]);
    expect(findWallGaps({ ...walled, bindAny: true, network: "private" }, host)).toEqual([]);
    expect(findWallGaps(serviceWith({ bindAny: true }), host)).toEqual([]);
  });

  test("is a limit of processes, unless the service has its own or wants none", () => {
    const old = { landlock: 6, firewall: null, processLimit: false };
    expect(findWallGaps(walled, old)).toEqual([
      "they can start any number of processes: the kernel is too old",
    ]);
    expect(findWallGaps({ ...walled, network: "private" }, old)).toHaveLength(1);
    expect(findWallGaps({ ...walled, pidsLimit: 0 }, old)).toEqual([]);
    expect(findWallGaps(serviceWith({ isolation: "process" }), old)).toEqual([]);
  });

  test("finds nothing for a service without walls or with a private network", () => {
    const bare = { landlock: null, firewall: "no", processLimit: true };
    expect(findWallGaps(serviceWith({ isolation: "process" }), bare)).toEqual([]);
    expect(findWallGaps({ ...walled, network: "private" }, bare)).toEqual([]);
    expect(findWallGaps(serviceWith({ isolation: "sandbox" }), bare)).toEqual([]);
    const hosted = serviceWith({ isolation: "sandbox", network: "host" });
    expect(findWallGaps(hosted, bare)).toHaveLength(1);
  });
});
