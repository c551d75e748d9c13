// Users of a host: which ids new instances may get.
import type { HostUsers } from "../../src/core/user-id-ranges.ts";

export function fakeUsers(parts: { count?: number; inUse?: readonly number[] } = {}): HostUsers {
  const { count = 1000, inUse = [] } = parts;
  return {
    range: { first: 70_000, last: 70_000 + count - 1 },
    isInUse: (id) => inUse.includes(id),
  };
}
