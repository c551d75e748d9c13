// The users of this host: the ids that its user namespace has, those with an account, those that run processes.
import { type HostUsers, USER_ID_RANGES, type UserIdRange } from "../core/user-id-ranges.ts";
import { readText } from "./files.ts";
import { linuxCalls } from "./kernel/libc.ts";

/** getpriority(2) of the processes of a user: the C library's own can't tell -1 from "there are none". */
const GET_PRIORITY = process.arch === "arm64" ? 141 : 140;
const OF_USER = 2;

export const hostUsers: HostUsers = {
  get range() {
    return findRange(readText("/proc/self/uid_map") ?? "");
  },
  isInUse: (id) => hasAccount(id, readText("/etc/passwd") ?? "") || hasProcesses(id),
};

/** The first range that a user namespace has. Where it has none, the start of a tenant reports that. */
export function findRange(uidMap: string): UserIdRange {
  const extents = uidMap.split("\n").map((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return { first, last: first + count - 1 };
  });
  const isMapped = ({ first, last }: UserIdRange) =>
    extents.some((extent) => extent.first <= first && extent.last >= last);
  return USER_ID_RANGES.find(isMapped) ?? USER_ID_RANGES[1];
}

function hasAccount(id: number, passwd: string): boolean {
  return passwd.split("\n").some((line) => line.split(":")[2] === String(id));
}

function hasProcesses(id: number): boolean {
  return (linuxCalls()?.syscall(GET_PRIORITY, OF_USER, id, 0, 0) ?? 0) > 0;
}
