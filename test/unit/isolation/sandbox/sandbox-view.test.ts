import { describe, expect, test } from "bun:test";
import {
  planView,
  type View,
  type ViewParts,
} from "../../../../src/isolation/sandbox/sandbox-view.ts";

const SCRATCH = "/srv/data/.walls/notes/alice/view";
const TMP = "/srv/data/.walls/notes/alice/tmp";
const SOCKETS = "/srv/data/.walls/notes/alice/sockets";
const OWN = "/srv/data/notes/alice";

const parts: ViewParts = {
  dataDir: "/srv/data",
  secrets: [],
  read: ["/srv/app"],
  write: [OWN],
  mounts: [],
  states: [],
  tmpDir: TMP,
  socketDir: { outside: SOCKETS, inside: "/tmp/tenement" },
  system: {
    directories: [
      "/usr",
      "/srv",
      "/var",
      "/root",
      "/home",
      "/run",
      "/tmp",
      "/proc",
      "/dev",
      "/sys",
    ],
    links: { "/bin": "usr/bin" },
    hidden: ["/var/tmp"],
  },
  scratch: SCRATCH,
  extras: [],
};

/** The path on the host that a path inside leads to; null: to a file of the sandbox itself. */
function hostPathOf(view: View, path: string): string | null {
  const mount = view.mounts.findLast(
    ({ inside }) => path === inside || path.startsWith(`${inside}/`),
  );
  if (mount === undefined || mount.source.startsWith(SCRATCH)) return null;
  return mount.source + path.slice(mount.inside.length);
}

function accessTo(view: View, path: string): string | undefined {
  return view.mounts.findLast(({ inside }) => path === inside || path.startsWith(`${inside}/`))
    ?.access;
}

describe("the view of a sandbox", () => {
  const view = planView(parts);

  test("shows the system, the application and the instance's files", () => {
    for (const path of ["/usr/bin/env", "/srv/app/app.py", `${OWN}/app.db`, "/var/lib/x"])
      expect(hostPathOf(view, path)).toBe(path);
    expect(view.links).toEqual({ [`${SCRATCH}/root/bin`]: "usr/bin" });
  });

  test("hides home directories, the server's files and other instances' data", () => {
    for (const path of [
      "/root/.ssh",
      "/home/x",
      "/run/docker.sock",
      "/srv/data/tenement.db",
      "/proc/1",
      "/dev/mem",
    ])
      expect(hostPathOf(view, path)).toBe(null);
    expect(hostPathOf(view, "/srv/data/notes/bob/app.db")).toBe(null);
  });

  test("has temporary files and a socket of its own", () => {
    expect(hostPathOf(view, "/tmp/x")).toBe(`${TMP}/x`);
    expect(hostPathOf(view, "/var/tmp/x")).toBe(`${TMP}/x`);
    expect(hostPathOf(view, "/tmp/tenement/a.sock")).toBe(`${SOCKETS}/a.sock`);
  });

  test("is writable only where the tenant may write", () => {
    for (const path of [OWN, "/tmp", "/var/tmp", "/tmp/tenement"])
      expect(accessTo(view, path)).toBe("write");
    for (const path of ["/usr", "/srv/app", "/srv/data", "/srv/data/notes"])
      expect(accessTo(view, path)).toBe("read");
  });

  test("needs no mount point that the host lacks", () => {
    const made = view.points.map(({ path }) => path);
    for (const path of made) expect(path).toStartWith("/srv/data/.walls/notes/alice/");
    const cover = view.mounts.find(({ inside }) => inside === "/srv/data")?.source;
    expect(made).toContain(`${cover}/notes/alice`);
    expect(made).toContain(`${TMP}/tenement`);
    expect(view.assumed).toEqual(["/srv/data", "/var/tmp"]);
  });

  test("shows a path below a hidden one, a file as well", () => {
    const shown = planView({ ...parts, read: ["/root/python", "/home/x/settings"] });
    expect(hostPathOf(shown, "/root/python/bin/python3")).toBe("/root/python/bin/python3");
    expect(hostPathOf(shown, "/root/.ssh")).toBe(null);
    expect(shown.points).toContainEqual({
      path: `${SCRATCH}/root/home/x/settings`,
      like: "/home/x/settings",
    });
  });

  test("mounts nothing into a tenant's directory, which may hold links", () => {
    const shown = planView({ ...parts, read: [`${OWN}/link`, OWN], write: [OWN, `${OWN}/more`] });
    expect(shown.mounts.filter(({ inside }) => inside.startsWith(OWN))).toEqual([
      { source: OWN, inside: OWN, access: "write" },
    ]);
  });

  test("hides other instances' data in the application's directory, or below /tmp", () => {
    for (const top of ["/srv/app", "/tmp/work"]) {
      const dataDir = `${top}/data`;
      const own = `${dataDir}/notes/alice`;
      const shown = planView({ ...parts, dataDir, read: [top], write: [own] });
      expect(hostPathOf(shown, `${top}/app.py`)).toBe(`${top}/app.py`);
      expect(hostPathOf(shown, `${dataDir}/tenement.db`)).toBe(null);
      expect(hostPathOf(shown, `${own}/app.db`)).toBe(`${own}/app.db`);
      expect(accessTo(shown, own)).toBe("write");
    }
  });
});
