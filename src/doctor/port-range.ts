// Examines whether the ports of instances overlap with those of outgoing connections.
import type { Host } from "../platform/host.ts";
import { PORT_FIRST, PORT_LAST } from "../platform/process/ports.ts";
import { type Finding, fine } from "./finding.ts";

const SETTINGS = "/proc/sys/net/ipv4";

export function examinePortRange(host: Host): readonly Finding[] {
  const range = parseRanges(
    (host.read(`${SETTINGS}/ip_local_port_range`) ?? "").replace(/\s+/, "-"),
  );
  const [ephemeral] = range;
  if (ephemeral === undefined) return [];
  const reserved = parseRanges(host.read(`${SETTINGS}/ip_local_reserved_ports`) ?? "");
  const finding = { id: "ports", group: "network", title: "ports of instances" } as const;
  const own = `${PORT_FIRST} to ${PORT_LAST}`;
  const overlap = {
    first: Math.max(PORT_FIRST, ephemeral.first),
    last: Math.min(PORT_LAST, ephemeral.last),
  };
  const isKept = reserved.some(({ first, last }) => first <= overlap.first && overlap.last <= last);
  if (overlap.first > overlap.last || isKept) return [fine({ ...finding, found: own })];
  const others = reserved.map(({ first, last }) =>
    first === last ? `${first},` : `${first}-${last},`,
  );
  return [
    {
      ...finding,
      state: "warning",
      found: `${own}; outgoing connections use ${ephemeral.first} to ${ephemeral.last}`,
      meaning:
        "An outgoing connection may hold the port of an instance that starts; then the start fails and is tried again",
      remedy: `sysctl -w net.ipv4.ip_local_reserved_ports=${others.join("")}${PORT_FIRST}-${PORT_LAST}`,
      blocks: [],
    },
  ];
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** `8080,30000-40000` */
function parseRanges(text: string): readonly Range[] {
  return text.split(",").flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    return first === undefined ? [] : [{ first: Number(first), last: Number(last) }];
  });
}
