// Examines gVisor, on which the level "sandbox" runs applications.
import { findRunsc, runscGap } from "../isolation/sandbox/runsc.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

export function examineSandbox({ platform }: Host, find = findRunsc): readonly Finding[] {
  if (platform !== "linux") return [];
  const finding = { id: "sandbox.runsc", group: "sandbox", title: "gVisor" } as const;
  const found = find();
  if (found.kind === "ready") return [fine({ ...finding, found: `runsc ${found.version}` })];
  const { reason, remedy } = runscGap(found);
  return [
    {
      ...finding,
      state: "missing",
      found: reason,
      meaning: "Tenants can't be given a kernel of their own in user space",
      remedy,
      blocks: ["isolation=sandbox"],
    },
  ];
}
