import { expect, test } from "bun:test";
import { examineUser } from "../../../src/doctor/user.ts";
import { FakeHost } from "./fake-host.ts";

test("is ok for root, and tells an ordinary user what is missing", () => {
  expect(examineUser(new FakeHost({}))).toMatchObject([{ state: "ok", found: "root" }]);
  expect(examineUser(new FakeHost({}, { isRoot: false }))).toMatchObject([{ state: "warning" }]);
  const mac = new FakeHost({}, { isRoot: false, platform: "darwin" });
  expect(examineUser(mac)).toMatchObject([{ state: "ok" }]);
});
