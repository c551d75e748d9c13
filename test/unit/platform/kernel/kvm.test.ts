import { expect, test } from "bun:test";
import { findKvmObstacle } from "../../../../src/platform/kernel/kvm.ts";

const USABLE = {
  architecture: "x64",
  device: { mode: 0o660, gid: 107 },
  processor: "flags\t\t: fpu vmx sse",
  isRoot: true,
  mayOpen: true,
} as const;

test.each([
  ["Intel's extensions", {}],
  ["AMD's", { processor: "flags : fpu svm sse" }],
  ["another architecture, which has no flags for it", { architecture: "arm64", processor: "" }],
  ["a device for all users", { device: { mode: 0o666, gid: 0 } }],
  ["a server that is not root and may open it", { isRoot: false, device: { mode: 0o600, gid: 0 } }],
])("machines run with %s", (_, changes) => {
  expect(findKvmObstacle({ ...USABLE, ...changes })).toBeNull();
});

test.each([
  ["no device", { device: null }, /does not exist/, /modprobe/],
  ["no device and no hardware", { device: null, processor: "" }, /does not exist/, /firmware/],
  [
    "a device without hardware behind it",
    { processor: "flags : fpu" },
    /neither vmx nor svm/,
    /nested/,
  ],
  [
    "a flag that only looks like it",
    { processor: "flags : vmxnet" },
    /neither vmx nor svm/,
    /nested/,
  ],
  ["a device that the server may not open", { mayOpen: false }, /may not be opened/, /group/],
  ["root's own device", { device: { mode: 0o600, gid: 107 } }, /root alone/, /chgrp/],
  ["a device of root's group", { device: { mode: 0o660, gid: 0 } }, /root alone/, /chgrp/],
])("machines do not run with %s, and a remedy is named", (_, changes, reason, remedy) => {
  const obstacle = findKvmObstacle({ ...USABLE, ...changes });
  expect(obstacle?.reason).toMatch(reason);
  expect(obstacle?.remedy).toMatch(remedy);
});
