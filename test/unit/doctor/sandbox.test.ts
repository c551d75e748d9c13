import { expect, test } from "bun:test";
import { examineSandbox } from "../../../src/doctor/sandbox.ts";
import { FakeHost } from "./fake-host.ts";

const host = new FakeHost({});

test("reports the version of a usable gVisor", () => {
  const runsc = { program: "/usr/bin/runsc", hasGoferNetwork: true };
  const [finding] = examineSandbox(host, () => ({
    kind: "ready",
    runsc,
    version: "release-20260905.0",
  }));
  expect(finding).toMatchObject({ state: "ok", found: "runsc release-20260905.0" });
});

test.each([
  [{ kind: "absent" } as const, "runsc is not installed"],
  [
    { kind: "old", found: "0.0~20221219.0" } as const,
    "runsc is of 0.0~20221219.0, and release-20250503 or newer is needed",
  ],
  [{ kind: "broken", reason: "it crashed" } as const, "it crashed"],
])("without a usable gVisor the level is missing: %j", (lack, found) => {
  expect(examineSandbox(host, () => lack)).toMatchObject([
    { state: "missing", found, blocks: ["isolation=sandbox"] },
  ]);
});

test("reports nothing on other systems", () => {
  const absent = () => ({ kind: "absent" }) as const;
  expect(examineSandbox(new FakeHost({}, { platform: "darwin" }), absent)).toEqual([]);
});
