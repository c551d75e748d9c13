// Examines services whose instances may bind ports of this host that are not their own.
import { bindsHostPorts, type Config } from "../core/service.ts";
import type { Finding } from "./finding.ts";

export function examineOpenPorts({ services }: Pick<Config, "services">): readonly Finding[] {
  const open = [...services.values()].filter(bindsHostPorts);
  if (open.length === 0) return [];
  return [
    {
      id: "bind",
      group: "network",
      title: "ports to bind",
      state: "warning",
      found: `any, for instances of ${open.map(({ name }) => name).join(", ")}`,
      meaning:
        "They can bind the port of a program or another instance that is not running, and get connections meant for it",
      remedy:
        'set extra_ports, which gives each instance ports of its own, instead of bind = "any"\nset network = "private" for these services',
      blocks: [],
    },
  ];
}
