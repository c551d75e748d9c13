import { expect, test } from "bun:test";
import { examineResources } from "../../../src/doctor/resources.ts";
import { FakeHost } from "./fake-host.ts";

const limits = (hard: string) =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 ${hard}              files`;

const AMPLE = {
  "/proc/self/limits": limits("524288"),
  "/proc/sys/kernel/pid_max": "4194304",
  "/proc/sys/kernel/threads-max": "192730",
  "/proc/sys/fs/inotify/max_user_instances": "128",
  "/proc/sys/fs/inotify/max_user_watches": "65536",
};

const states = (files: Readonly<Record<string, string>>) =>
  examineResources(new FakeHost(files)).map(({ id, state }) => `${id} ${state}`);

test("is ok on a host with ample resources", () => {
  expect(states(AMPLE).filter((state) => !state.endsWith(" ok"))).toEqual([]);
  expect(states(AMPLE)).toHaveLength(5);
  expect(states({ ...AMPLE, "/proc/self/limits": limits("unlimited") })[0]).toEndWith(" ok");
});

test.each([
  ["/proc/self/limits", limits("4096"), "LimitNOFILE=65536"],
  ["/proc/sys/kernel/pid_max", "4096", "sysctl -w kernel.pid_max=4194304"],
  ["/proc/sys/kernel/threads-max", "7000", "sysctl -w kernel.threads-max=131072"],
  ["/proc/sys/fs/inotify/max_user_instances", "16", "sysctl -w fs.inotify.max_user_instances=1024"],
  ["/proc/sys/fs/inotify/max_user_watches", "512", "sysctl -w fs.inotify.max_user_watches=524288"],
])("warns about too low a value of %s, with the remedy", (path, text, remedy) => {
  const found = examineResources(new FakeHost({ ...AMPLE, [path]: text }));
  const warnings = found.filter(({ state }) => state === "warning");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]?.remedy).toStartWith(remedy);
});

test("omits settings that can't be read", () => {
  expect(states({})).toEqual([]);
  expect(examineResources(new FakeHost(AMPLE, { platform: "darwin" }))).toEqual([]);
});
