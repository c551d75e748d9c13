import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/config.ts";
import { FILE, problemsOf } from "./refusal.ts";

const APP = '[service.app]\ncommand = "app"\nisolation = "namespace"\n';
const WRITABLE = "workdir_writable = true\n";

describe("workdir_writable", () => {
  test.each(["/srv/app", "/opt/app", "/usr/local/app", "/srv/{name}"])(
    "is fine for %s",
    (workdir) => {
      const text = `${APP}${WRITABLE}workdir = "${workdir}"`;
      const { services } = parseConfig(text, { file: FILE });
      expect(services.get("app")?.workdirWritable).toBeTrue();
    },
  );

  test.each([
    ["process", "none, since a process without walls may write what the server may"],
    [
      "sandbox",
      'isolation = "namespace" or "qemu" with it, or instead of it workdir = "{data_dir}/{name}/{id}"',
    ],
  ])("is refused without a layer: %s", (level, expected) => {
    const text = `${APP.replace("namespace", level)}${WRITABLE}workdir = "/srv/app"`;
    expect(problemsOf(text)).toEqual([
      `service.app.workdir_writable: expected ${expected}, got true`,
    ]);
  });

  test("is fine in a machine, but for one with an image, which may change that anyhow", () => {
    const machine = `${APP.replace("namespace", "qemu")}${WRITABLE}workdir = "/srv/app"\n`;
    expect(parseConfig(machine, { file: FILE }).services.size).toBe(1);
    expect(problemsOf(`${machine}rootfs = "/srv/image"`)).toEqual([
      "service.app.workdir_writable: expected none, since a machine may change its image for itself anyhow, got true",
    ]);
  });

  test.each(["/", "/usr", "/var", "/etc", "/etc/app"])(
    "is refused for the system's %s",
    (workdir) => {
      expect(problemsOf(`${APP}${WRITABLE}workdir = "${workdir}"`)).toEqual([
        "service.app.workdir_writable: expected a workdir of the application's own, not one of the system, got true",
      ]);
    },
  );

  test.each(["{data_dir}/{name}/{id}", "/srv/data/app"])(
    "is refused for the data in %s",
    (workdir) => {
      const text = `[settings]\ndata_dir = "/srv/data"\n${APP}${WRITABLE}workdir = "${workdir}"`;
      expect(problemsOf(text)).toEqual([
        "service.app.workdir_writable: expected none, since the instance's own directory is writable anyhow, got true",
      ]);
    },
  );
});

describe("state_paths", () => {
  test("are absolute, or relative to the configuration", () => {
    const text = `${APP}workdir = "/srv/app"\nstate_paths = ["/var/lib/php/sessions", "/tmp/cache", "state"]`;
    const { services } = parseConfig(text, { file: FILE });
    expect(services.get("app")?.statePaths).toEqual([
      ...["/var/lib/php/sessions", "/tmp/cache", "/etc/ten/state"],
    ]);
  });

  test("may be the same for two services, since each instance has its own", () => {
    const both = `${APP}state_paths = ["/var/lib/x"]\n${APP.replace("app]", "b]")}state_paths = ["/var/lib/x"]`;
    expect(parseConfig(both, { file: FILE }).services.size).toBe(2);
  });

  const OTHER =
    '[service.other]\ncommand = "app"\nwrite_paths = ["/srv/shared"]\nenv_file = "/srv/s/x.env"\n';
  test.each([
    ["/", "a path that does not cover /usr"],
    ["/var", "a path that does not cover /var/lib/aspell"],
    ["/etc", "a path that does not cover /etc"],
    ["/proc/x", "a path outside of /proc"],
    ["/dev", "a path outside of /dev"],
    ["/srv/a:b", "a path without a colon"],
    ["/srv/app", "a path that does not cover /srv/app"],
    ["/srv/data", "a path apart from data_dir, which is /srv/data/ten"],
    ["/srv/data/ten/app/x", "a path apart from data_dir, which is /srv/data/ten"],
    ["/srv/read", "a path that does not cover /srv/read/it"],
    ["/srv/write", "a path that does not cover /srv/write/it of write_paths"],
    ["/srv/write/it/x", "a path outside of /srv/write/it, one of write_paths in [service.app]"],
    ["/srv/shared/x", "a path outside of /srv/shared, one of write_paths in [service.other]"],
    ["/srv/s", "a path apart from the server's /srv/s/x.env"],
    ["/etc/ten/tenement.toml", "a path apart from the server's /etc/ten/tenement.toml"],
  ])("refuse %s", (path, expected) => {
    const text = `[settings]\ndata_dir = "/srv/data/ten"\n${APP}workdir = "/srv/app"\nread_paths = ["/srv/read/it"]\nwrite_paths = ["/srv/write/it"]\nstate_paths = ["${path}"]\n${OTHER}`;
    expect(problemsOf(text)).toEqual([
      `service.app.state_paths[0]: expected ${expected}, got "${path}"`,
    ]);
  });

  test("refuse one inside the other, and one twice", () => {
    expect(problemsOf(`${APP}state_paths = ["/var/lib/x", "/var/lib/x/y"]`)).toEqual([
      'service.app.state_paths[1]: expected a path outside of /var/lib/x, which is one of state_paths itself, got "/var/lib/x/y"',
    ]);
    expect(problemsOf(`${APP}state_paths = ["/var/lib/x", "/var/lib/x/"]`)).toHaveLength(2);
  });

  const FIRECRACKER = 'firecracker"\nkernel = "/k"\nrootfs = "/r';
  test.each([
    ["process", "since a process without walls may write what the server may"],
    [
      FIRECRACKER,
      "since a machine of Firecracker has no other directory than {data_dir}/{name}/{id}",
    ],
  ])("are refused at a level without them: %j", (level, reason) => {
    expect(problemsOf(`${APP.replace("namespace", level)}state_paths = ["/var/lib/x"]`)).toEqual([
      `service.app.state_paths[0]: expected none, ${reason}, got "/var/lib/x"`,
    ]);
  });

  test.each(["sandbox", "qemu"])("are fine at level %s", (level) => {
    const text = `${APP.replace("namespace", level)}state_paths = ["/var/lib/x"]`;
    expect(parseConfig(text, { file: FILE }).services.get("app")?.statePaths).toHaveLength(1);
  });

  test("have no placeholders, and no tilde", () => {
    expect(problemsOf(`${APP}state_paths = ["/var/{id}", "~/x"]`)).toHaveLength(2);
  });
});
