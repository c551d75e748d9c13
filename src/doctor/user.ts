// Examines the user of the server: which walls, limits and quotas need root.
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

export function examineUser({ isRoot, platform }: Host): readonly Finding[] {
  const finding = { id: "user", group: "host", title: "user" } as const;
  if (isRoot || platform !== "linux") {
    return [fine({ ...finding, found: isRoot ? "root" : "an ordinary user" })];
  }
  return [
    {
      ...finding,
      state: "warning",
      found: "not root",
      meaning:
        "Walls work without root, but all instances have this user's rights; there is no firewall between them and there are no hard quotas",
      remedy: "run ten doctor as the user of the server; run the server as root to have them",
      blocks: [],
    },
  ];
}
