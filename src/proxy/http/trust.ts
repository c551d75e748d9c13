// Decides whether a connection comes from a trusted proxy: by its address and, on this host, by its user.
import type { Socket } from "node:net";
import { unreachable } from "../../core/assert.ts";
import { type AddressCheck, isOwnAddress } from "../../platform/addresses.ts";
import { ownerOfConnection } from "../../platform/kernel/sock-diag.ts";
import { plainAddress } from "./forwarded.ts";

/** @param isTenant whether a user of this host is that of a tenant, which is no proxy whatever its address */
export function isTrustedProxy(
  socket: Socket,
  { trusts, isTenant }: { trusts: AddressCheck; isTenant: (user: number) => boolean },
): boolean {
  const address = plainAddress(socket.remoteAddress ?? "");
  return trusts(address) && (!isOwnAddress(address) || isProgram(socket, address, isTenant));
}

/** False also for a program that has closed its end: it waits for no answer, and can't be told from a tenant. */
function isProgram(socket: Socket, address: string, isTenant: (user: number) => boolean): boolean {
  const { remotePort = 0, localAddress = "", localPort = 0 } = socket;
  const from = { address, port: remotePort };
  const owner = ownerOfConnection({
    from,
    to: { address: plainAddress(localAddress), port: localPort },
  });
  switch (owner.kind) {
    case "user":
      return !isTenant(owner.user);
    case "none":
      return false;
    case "unknown":
      return true;
    default:
      return unreachable(owner);
  }
}
