// Computes the limits on clients' connections, in all and by address, and on the bytes that they hold together.
import { totalmem } from "node:os";
import { descriptorLimit } from "../platform/kernel/descriptors.ts";

/** The keys of `[settings]` that concern the proxy. */
export interface ProxySettings {
  /** Addresses or CIDR blocks. */
  readonly trustedProxies: readonly string[];
  /** 0: as many as the limit on descriptors permits. */
  readonly maxConnections: number;
  /** 0: a quarter of all. */
  readonly maxConnectionsPerAddress: number;
  /** Null: an eighth of the memory. */
  readonly bufferLimitBytes: number | null;
}

export interface ProxyLimits {
  readonly connections: number;
  readonly perAddress: number;
  readonly perInstance: number;
  readonly bufferBytes: number;
  /** With this number and above, descriptors are reserved for probes, starts, the database and the control sockets. */
  readonly reservedFrom: number;
}

/** A connection that is served takes two descriptors: one for the client, one for its tenant. */
const DESCRIPTORS_PER_CONNECTION = 2;

/** One start takes up to ten descriptors for a moment, and eight may start at a time. */
const RESERVE_MIN = 128;
const RESERVE_SHARE = 8;

/** So that neither one client nor the visitors of one instance can take the place of everybody else. */
const ADDRESS_SHARE = 4;
const INSTANCE_SHARE = 2;

const BUFFER_SHARE = 8;

export function limitsOf(
  settings: Omit<ProxySettings, "trustedProxies">,
  host = { descriptors: descriptorLimit(), memoryBytes: memoryBytes() },
): ProxyLimits {
  const reservedFrom = host.descriptors - reserveOf(host.descriptors);
  const served = Math.floor(reservedFrom / DESCRIPTORS_PER_CONNECTION);
  const connections = Math.min(settings.maxConnections || served, served);
  return {
    connections,
    perAddress: settings.maxConnectionsPerAddress || Math.ceil(connections / ADDRESS_SHARE),
    perInstance: Math.ceil(connections / INSTANCE_SHARE),
    bufferBytes: settings.bufferLimitBytes ?? Math.floor(host.memoryBytes / BUFFER_SHARE),
    reservedFrom,
  };
}

/** At most half, where the limit is very low. */
function reserveOf(descriptors: number): number {
  if (descriptors === Number.POSITIVE_INFINITY) return 0;
  const wanted = Math.max(RESERVE_MIN, Math.floor(descriptors / RESERVE_SHARE));
  return Math.min(wanted, Math.floor(descriptors / 2));
}

/** Of the host, or of the control group that this process is limited by. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}
