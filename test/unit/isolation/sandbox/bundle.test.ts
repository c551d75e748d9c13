import { describe, expect, test } from "bun:test";
import {
  type Bundle,
  readRunscFailure,
  readRunscVersion,
  renderBundle,
  renderRun,
  renderSignal,
} from "../../../../src/isolation/sandbox/bundle.ts";

const bundle: Bundle = {
  root: "/top/view/root",
  mounts: [{ source: "/usr", inside: "/usr", access: "read" }],
  argv: ["/usr/bin/python3", "app.py"],
  env: { PORT: "30000" },
  cwd: "/srv/app",
  hostname: "alice",
  network: "private",
  userId: 61_184,
};

const place = {
  program: "/usr/bin/runsc",
  stateDir: "/top/state",
  logFile: "/top/log",
  isRootless: false,
  hasGoferNetwork: true,
};

describe("a bundle", () => {
  const config = JSON.parse(renderBundle(bundle));

  test("runs the application as the instance's user, without a privilege", () => {
    expect(config.process).toMatchObject({
      args: ["/usr/bin/python3", "app.py"],
      cwd: "/srv/app",
      env: ["PORT=30000"],
      noNewPrivileges: true,
      user: { uid: 61_184, gid: 61_184, umask: 0o077, additionalGids: [] },
    });
    for (const set of Object.values(config.process.capabilities)) expect(set).toEqual([]);
  });

  test("has a root that is read-only, and mounts that grant no privilege", () => {
    expect(config.root).toEqual({ path: "/top/view/root", readonly: true });
    expect(config.mounts).toContainEqual({
      destination: "/usr",
      type: "bind",
      source: "/usr",
      options: ["rbind", "ro", "nosuid", "nodev"],
    });
  });

  test("has a network of its own, or the host's", () => {
    const kindsOf = (text: string) =>
      JSON.parse(text).linux.namespaces.map(({ type }: { type: string }) => type);
    expect(kindsOf(renderBundle(bundle))).toContain("network");
    expect(kindsOf(renderBundle({ ...bundle, network: "host" }))).not.toContain("network");
  });
});

describe("the command line of runsc", () => {
  const run = { bundleDir: "/top/bundle", network: "private" } as const;

  test("gives the sandbox only its own network, and no socket of the host", () => {
    expect(renderRun(place, run).join(" ")).toBe(
      "/usr/bin/runsc --root /top/state --log /top/log --network=none --host-uds=create " +
        "--ignore-cgroups --overlay2=none --gofer-network-namespace=new run --bundle /top/bundle tenant",
    );
    expect(renderRun(place, { ...run, network: "host" })).toContain("--network=host");
  });

  test("leaves out options that an older version does not know", () => {
    const older = renderRun({ ...place, hasGoferNetwork: false }, run).join(" ");
    expect(older).not.toContain("gofer-network");
  });

  test("is rootless for an ordinary user, also for a signal", () => {
    const rootless = { ...place, isRootless: true };
    expect(renderRun(rootless, run)).toContain("--rootless");
    expect(renderSignal(rootless, "SIGTERM").join(" ")).toBe(
      "/usr/bin/runsc --root /top/state --log /top/log --rootless kill tenant SIGTERM",
    );
  });
});

test.each([
  ["release-20260905.0", 20_260_905],
  ["0.0~20221219.0", 20_221_219],
  ["VERSION_MISSING", null],
])("the version %s is parsed as %p", (text, day) => {
  expect(readRunscVersion(text)).toBe(day);
});

test("the last error of a log is the reason why there was no sandbox", () => {
  const entry = (level: string, msg: string) => JSON.stringify({ msg, level, time: "2026" });
  const log = [
    entry("error", "first"),
    entry("error", 'no "such" {thing}: \\ '),
    entry("warning", "last"),
  ];
  expect(readRunscFailure(log.join(""))).toBe('no "such" {thing}: \\');
  expect(readRunscFailure("")).toBe(null);
});
