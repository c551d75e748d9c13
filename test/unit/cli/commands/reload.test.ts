import { expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

test("prints the changes, a line each", async () => {
  api.world.reloader.outcome = {
    plan: {
      added: ["wiki"],
      changed: [
        { service: "notes", now: ["idle_timeout"], launch: ["env"], start: ["storage_quota_mb"] },
      ],
      removed: ["blog"],
      instances: [{ service: "wiki", id: "main" }],
      settings: ["max_running"],
      routing: ["default"],
      server: ["data_dir", "tls.enabled"],
    },
    replaced: [{ service: "notes", id: "alice" }],
    failed: [],
  };
  expect(await ten("reload")).toEqual({
    exit: 0,
    out: [
      "service wiki added",
      "service notes changed, at once: idle_timeout",
      "service notes changed, with new processes: env",
      "service notes changed, at the next start: storage_quota_mb",
      "service blog removed; its instances are stopped, their data stay",
      "instance wiki:main is started",
      "instance notes:alice has a new process",
      "settings changed: max_running",
      "routing changed: default",
      "tls.enabled needs: ten restart-server",
      "data_dir needs: stop the server and start it",
      "",
    ].join("\n"),
    err: "",
  });
  expect(api.world.trail).toEqual(["socket reload configuration done"]);
});

test("--dry-run is no change", async () => {
  expect(await ten("reload", "--dry-run")).toMatchObject({ out: "Nothing has changed\n" });
  expect(api.world.trail).toEqual([]);
});

test("failures are printed, and end with 1", async () => {
  const failed = [{ subject: "notes:alice", reason: "no such program", hint: "Install it" }];
  api.world.reloader.outcome = { ...api.world.reloader.outcome, failed };
  const { exit, out, err } = await ten("reload");
  expect({ exit, out }).toEqual({
    exit: 1,
    out: "failed notes:alice: no such program\nhint: Install it\n",
  });
  expect(err).toContain("Cannot apply all changes: 1 failed");
});

test("a configuration with mistakes ends with 2", async () => {
  const message = 'Cannot use "tenement.toml":\n  service.notes.comand: unknown key';
  api.world.reloader.reload = () => Promise.reject(new TenError("CONFIG_INVALID", message));
  expect(await ten("reload")).toMatchObject({ exit: 2, err: expect.stringContaining("comand") });
  expect(api.world.trail).toEqual(["socket reload configuration CONFIG_INVALID"]);
});
