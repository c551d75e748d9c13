// A start that fails tells its reason once and what to do about it, wherever somebody reads of it.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstanceAnswer, StoryAnswer } from "../../src/control/wire/instances.ts";
import type { ErrorAnswer } from "../../src/control/wire/wire.ts";
import type { ErrorCode } from "../../src/core/errors.ts";
import { SYSTEM_PATH } from "../../src/platform/programs.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { APP_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";
import { wallSettings } from "../support/walls.ts";

setDefaultTimeout(60_000);

/** Programs and files that the services name. */
let place: string;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "ten-failed-"));
  chmodSync(place, 0o755);
  writeFileSync(join(place, "app.env"), "GOOD=1\nBAD\n");
  writeFileSync(join(place, "rootfs.ext4"), "", { mode: 0o644 });
  for (const name of ["hidden", "runsc"]) {
    const text = "#!/bin/sh\necho runsc version release-20200101.0\n";
    writeFileSync(join(place, name), text, { mode: 0o755 });
  }
});

afterAll(() => rmSync(place, { recursive: true }));

interface Failed {
  readonly code?: ErrorCode;
  readonly reason: string;
  readonly hint: string;
}

/** What stands in a service whose start is not tried again. */
function configOf(keys: string, service = "app"): string {
  return `[service.${service}]\nrestart = "never"\n${keys}\n`;
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

function ask<Answer>(ten: Ten, path: string, body?: unknown): Promise<Answer> {
  return fetch(`http://ten${path}`, {
    unix: join(ten.dataDir, "tenement.sock"),
    keepalive: false,
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
    headers: { "Content-Type": "application/json" },
  }).then(async (answer) => (await answer.json()) as Answer);
}

async function expectTold(ten: Ten, ref: string, failed: Failed): Promise<void> {
  await expectCommands(ten, ref, failed);
  await expectReports(ten, ref, failed);
  await expectAnswers(ten, ref, failed);
  // The failure outlives the server that saw it.
  await ten.restart();
  await expectReports(ten, ref, failed);
  expect(await ask<StoryAnswer>(ten, `/api/instances/${ref}/why`)).toMatchObject({
    reason: failed.reason,
    hint: failed.hint,
  });
}

/** Commands that start it say all in two lines, however often it has failed. */
async function expectCommands(ten: Ten, ref: string, { reason, hint }: Failed): Promise<void> {
  for (const command of ["spawn", "start", "restart"]) {
    const { exitCode, stderr, stdout } = await ten.ten(command, ref);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toBe(`error: Cannot start "${ref}": ${reason}\nhint: ${hint}\n`);
  }
}

async function expectReports(ten: Ten, ref: string, { reason, hint }: Failed): Promise<void> {
  const [head, next] = (await ten.must("why", ref)).split("\n");
  expect(head).toBe(`${ref} is failed: ${reason}`);
  expect(next).toBe(`  hint      ${hint}`);
  const listed = await ten.must("ps");
  expect(listed).toContain(`\nhint for ${ref}: ${hint}\n`);
  expect(count(listed, reason.slice(0, 40))).toBe(1);
  for (const line of (await ten.must("logs", ref)).trim().split("\n")) {
    expect(line).toEndWith(` server ${ref} Cannot start "${ref}": ${reason}`);
  }
}

async function expectAnswers(ten: Ten, ref: string, failed: Failed): Promise<void> {
  const { code = "START_FAILED", hint, reason } = failed;
  const [service = "", id = ""] = ref.split(":");
  const spawn = await ask<ErrorAnswer>(ten, "/api/instances/spawn", { process: service, id });
  expect(spawn).toEqual({
    error: `Cannot start "${ref}": ${reason}`,
    code,
    hint,
    ...(code === "START_FAILED" && { log: [] }),
  });
  expect(await ask<StoryAnswer>(ten, `/api/instances/${ref}/why`)).toMatchObject({ reason, hint });
  const listed = await ask<InstanceAnswer[]>(ten, "/api/instances");
  expect(listed.find((each) => each.id === ref)).toMatchObject({ reason, hint });
  const page = await ten.get(`${id}.${service}.localhost`, "/");
  expect(page.status).toBe(503);
  expect(page.text).not.toMatch(/[/]|hint|service\./);
}

test.each([
  [
    "its program is missing",
    () => 'command = "no-such-program"',
    {
      reason: '"no-such-program" is not found on PATH',
      hint: "Install it, or correct command in [service.app]",
    },
  ],
  [
    "its working directory is missing",
    () => 'command = "true"\nworkdir = "/nonexistent"',
    {
      reason: "workdir /nonexistent is not a directory",
      hint: "Make that directory, or correct workdir in [service.app]",
    },
  ],
  [
    "its env_file is missing",
    () => 'command = "true"\nenv_file = "/nonexistent"',
    {
      reason: "env_file /nonexistent can't be read (ENOENT)",
      hint: "Make it readable for the server, or correct env_file in [service.app]",
    },
  ],
])("where %s", (_, keys, failed) =>
  withTen({ configText: configOf(keys()) }, (ten) => expectTold(ten, "app:a", failed)),
);

test("where its env_file has a mistake", () =>
  withTen({ configText: configOf(`command = "true"\nenv_file = "${place}/app.env"`) }, (ten) =>
    expectTold(ten, "app:a", {
      reason: `env_file ${place}/app.env: line 2: expected KEY=VALUE`,
      hint: "Correct the lines named",
    }),
  ));

test.skipIf(!("read_paths" in wallSettings()))("where walls hide its program", () =>
  withTen({ configText: configOf(`command = "${place}/hidden"\nread_paths = []`) }, (ten) =>
    expectTold(ten, "app:a", {
      code: "LEVEL_MISSING",
      reason: `${place}/hidden is hidden behind the walls`,
      hint: `Add read_paths = ["${place}"] to [service.app]`,
    }),
  ),
);

test("where another instance has its socket", () => {
  const keys = `command = "${APP_COMMAND}"\nisolation = "process"`;
  const socket = `${place}/{name}-{id}.sock`;
  const configText = ["a", "a-b"].map((name) => configOf(`${keys}\nsocket = "${socket}"`, name));
  return withTen({ configText: configText.join("") }, async (ten) => {
    await ten.must("spawn", "a:b-c");
    const failed = {
      reason: `its socket ${place}/a-b-c.sock is that of "a:b-c"`,
      hint: "Set socket in [service.a-b] to a path of its own",
    };
    await expectCommands(ten, "a-b:c", failed);
    await expectReports(ten, "a-b:c", failed);
    await expectAnswers(ten, "a-b:c", failed);
  });
});

test.skipIf(process.getuid?.() !== 0 || isMissing(GCC))(
  "where the limits of its service can't be applied",
  () => {
    const configText = configOf(
      'command = "sleep 60"\nisolation = "process"\nmemory_limit_mb = 64',
    );
    const user = 61_191;
    return withTen({ configText, user }, async (ten) => {
      const { stderr } = await ten.ten("spawn", "app:a");
      const [, reason = "", hint = ""] =
        /^error: Cannot start "app:a": (.*)\nhint: (.*)\n$/.exec(stderr) ?? [];
      expect(reason).toStartWith("memory_limit_mb can't be applied: ");
      expect(hint).toStartWith("Remove memory_limit_mb from [service.app], or run ten as root");
      await expectTold(ten, "app:a", { code: "LEVEL_MISSING", reason, hint });
    });
  },
);

function hasFirecracker(): boolean {
  if (Bun.which("firecracker", { PATH: `${process.env["PATH"]}:${SYSTEM_PATH}` }) === null) {
    return false;
  }
  console.warn("skipped tests: firecracker is installed");
  return true;
}

describe.skipIf(process.platform !== "linux")("on a host without its level of isolation", () => {
  test("sandbox", () => {
    // Distributions bring one that is too old.
    const env = { PATH: `${place}:${process.env["PATH"]}` };
    const configText = configOf('command = "true"\nisolation = "sandbox"');
    return withTen({ configText, env }, (ten) =>
      expectTold(ten, "app:a", {
        code: "LEVEL_MISSING",
        reason:
          'isolation = "sandbox" is not available: runsc is of release-20200101.0, and release-20250503 or newer is needed',
        hint: "Install runsc from gVisor's own packages: https://gvisor.dev/docs/user_guide/install/",
      }),
    );
  });

  const QEMU = { program: "qemu-system-x86_64", debianPackage: "qemu-system-x86" };
  test.skipIf(process.arch !== "x64" || isMissing(QEMU))("qemu", () => {
    const configText = configOf(
      'command = "/bin/true"\nisolation = "qemu"\nqemu_accel = "tcg"\nkernel = "/nonexistent"',
    );
    return withTen({ configText }, (ten) =>
      expectTold(ten, "app:a", {
        code: "LEVEL_MISSING",
        reason: 'isolation = "qemu" is not available: there is no kernel at /nonexistent',
        hint: "Correct kernel in [service.app]",
      }),
    );
  });

  test.skipIf(hasFirecracker())("firecracker", () => {
    const configText = configOf(
      `command = "/bin/true"\nisolation = "firecracker"\nkernel = "${place}/app.env"\nrootfs = "${place}/rootfs.ext4"`,
    );
    return withTen({ configText }, (ten) =>
      expectTold(ten, "app:a", {
        code: "LEVEL_MISSING",
        reason: 'isolation = "firecracker" is not available: firecracker is not installed',
        hint: "install it from https://github.com/firecracker-microvm/firecracker/releases",
      }),
    );
  });
});

describe("where nothing better is known", () => {
  const WHERE =
    "See what the server does about it with ten why app:a, and its output with ten logs app:a";

  test("an application that exits at once is shown with its last words", () =>
    withTen(
      {
        configText: `[service.app]\ncommand = "sh -c 'echo last words; exit 7'"\n`,
        settings: { backoff_base_ms: 30_000 },
      },
      async (ten) => {
        for (const command of ["spawn", "start"]) {
          const { stderr } = await ten.ten(command, "app:a");
          expect(stderr).toStartWith(
            'error: Cannot start "app:a": exited with code 7\n  last words\n',
          );
          expect(stderr).toEndWith(`hint: ${WHERE}\n`);
          expect(count(stderr, "exited with code 7")).toBe(1);
        }
        await ten.untilState("app:a", "waiting");
        const why = await ten.must("why", "app:a");
        expect(why).toStartWith("app:a is waiting: exited with code 7\n");
        expect(why).not.toContain("hint");
        expect(await ten.must("ps")).not.toContain("hint");
        expect(await ask<StoryAnswer>(ten, "/api/instances/app:a/why")).not.toHaveProperty("hint");
        expect(await ten.must("logs", "app:a")).toContain(
          " server app:a the process exited with code 7\n",
        );
      },
    ));

  test("an application that never listens is shown with what was found", () =>
    withTen(
      { configText: configOf('command = "sleep 60"\nstartup_timeout = 0.3') },
      async (ten) => {
        const { stderr } = await ten.ten("spawn", "app:a");
        const reason = "not ready within 0.3 s: nothing listens on ";
        expect(stderr).toStartWith(`error: Cannot start "app:a": ${reason}`);
        expect(stderr).toEndWith(`hint: ${WHERE}\n`);
        expect(count(stderr, reason)).toBe(1);
        const failed = await ten.untilState("app:a", "failed");
        expect(failed.reason).toStartWith(reason);
        const why = await ten.must("why", "app:a");
        expect(why).toStartWith(`app:a is failed: ${reason}`);
        expect(count(why, reason)).toBe(1);
      },
    ));
});

test("a start that is tried again and given up says it once", () =>
  withTen(
    {
      configText: '[service.app]\ncommand = "no-such-program"\n',
      settings: { backoff_base_ms: 10, max_restarts: 2 },
    },
    async (ten) => {
      await ten.ten("spawn", "app:a");
      const reason = '"no-such-program" is not found on PATH';
      const { hint } = await ten.untilState("app:a", "failed");
      expect(hint).toBe("Install it, or correct command in [service.app]");
      expect(await ten.must("why", "app:a")).toStartWith(
        `app:a is failed: ${reason}; gave up after 2 restarts\n  hint      ${hint}\n`,
      );
      expect((await ten.ten("start", "app:a")).stderr).toBe(
        `error: Cannot start "app:a": ${reason}\nhint: ${hint}\n`,
      );
    },
  ));

test("a deploy, a rollout and a reload that fail say what to do", () =>
  withTen({ configText: `[service.app]\ncommand = "${APP_COMMAND}"\n` }, async (ten) => {
    const hint = "hint: Install it, or correct command in [service.app]\n";
    const reason = '"no-such-program" is not found on PATH\n';
    await ten.must("spawn", "app:a");
    ten.reconfigure((text) => text.replace(/command = .*/, 'command = "no-such-program"'));
    expect((await ten.ten("reload")).stdout).toEndWith(`failed app:a: ${reason}${hint}`);
    const rollout = await ten.ten("rollout", "app");
    expect(rollout.stderr).toStartWith(`error: Cannot replace "app:a": ${reason}`);
    expect(rollout.stderr).toContain(hint);
    expect((await ten.ten("deploy", "app:b")).stderr).toBe(
      `error: Cannot start "app:b": ${reason}${hint}`,
    );
    expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
  }));

describe("the last lines of a failed start", () => {
  test("are those since the launch alone", () =>
    withTen({ configText: configOf(`command = "sh -c 'echo former; exit 7'"`) }, async (ten) => {
      expect((await ten.ten("spawn", "app:a")).stderr).toContain("\n  former\n");
      ten.reconfigure((text) => text.replace(/command = .*/, `command = "sh -c 'exit 0'"`));
      await ten.must("reload");
      const silent = await ten.ten("start", "app:a");
      expect(silent.stderr).toBe(
        'error: Cannot start "app:a": exited with code 0; it wrote nothing\nhint: A web application stays in the foreground and listens on PORT\n',
      );
      expect(await ten.must("why", "app:a")).toContain(
        "\n  hint      A web application stays in the foreground and listens on PORT\n",
      );
      ten.reconfigure((text) => text.replace(/command = .*/, 'command = "no-such-program"'));
      await ten.must("reload");
      expect((await ten.ten("start", "app:a")).stderr).not.toContain("former");
    }));

  test.skipIf(!("read_paths" in wallSettings()))("name what walls refuse", () =>
    withTen({ configText: configOf(`command = "sh -c '> /usr/state'"`) }, async (ten) => {
      const hint = "hint: Behind walls it can write only to its data directory, ";
      expect((await ten.ten("spawn", "app:a")).stderr).toContain(
        `/usr/state: Read-only file system\n${hint}`,
      );
    }),
  );

  test("are the replacement's, in a reload and in a rollout", () =>
    withTen({ configText: `[service.app]\ncommand = "${APP_COMMAND}"\n` }, async (ten) => {
      await ten.must("spawn", "app:a");
      const locked = "Could not set lock on file a.duckdb";
      const hint =
        'hint: It locks its data, so two processes of it can\'t run side by side: set rollout = "replace" in its service\n';
      ten.reconfigure((text) =>
        text.replace(/command = .*/, `command = "sh -c 'echo ${locked}; exit 3'"`),
      );
      const reloaded = await ten.ten("reload");
      expect(reloaded.stdout).toEndWith(
        `failed app:a: exited with code 3 before it was ready\n  ${locked}\n${hint}`,
      );
      const deployed = await ten.ten("deploy", "app:b");
      expect(deployed.stderr).toStartWith(
        `error: Cannot start "app:b": exited with code 3\n  ${locked}\n`,
      );
      const rollout = await ten.ten("rollout", "app");
      expect(rollout.stderr).toStartWith(
        `error: Cannot replace "app:a": exited with code 3 before it was ready\n  ${locked}\n${hint}`,
      );
    }));
});
