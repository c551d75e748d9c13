// Whether a launch itself listens at an endpoint, and not another program of the host.
import { statSync } from "node:fs";
import type { Endpoint } from "../../core/endpoint.ts";
import type { UnixPeer } from "../../platform/kernel/unix-peer.ts";
import { readProcess } from "../../platform/process/processes.ts";
import type { Launched } from "../launch/launched.ts";

/** Asks for a port alone: the peer at a socket is checked when it is probed. */
export async function isOwn({ child }: Launched, endpoint: Endpoint): Promise<boolean> {
  return endpoint.kind === "unix" || (await child.listensOn(endpoint.port));
}

/**
 * Whether the peer at a socket is a process of the launch. Of one that has ended since it began to listen, only the
 * user is known.
 */
export function isOwnPeer({ child, enclosure }: Launched, peer: UnixPeer | null): boolean {
  if (!enclosure.isSocketOpen || peer === null) return true;
  if (readProcess(peer.pid) === null) return peer.user === process.geteuid?.();
  return child.includes(peer.pid);
}

/** Names the file of a socket that other programs could replace; null: there is none. */
export function fileOf({ enclosure }: Launched, endpoint: Endpoint): string | null {
  if (!enclosure.isSocketOpen || endpoint.kind === "tcp") return null;
  const facts = statSync(endpoint.path, { throwIfNoEntry: false });
  return facts === undefined ? null : `${facts.dev}:${facts.ino}:${facts.birthtimeMs}`;
}
