// Whether a process, or a descendant, has the socket open that listens on a port, with a bound on the descriptors read.
import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { readText } from "../files.ts";
import { type ListeningSocket, listeningSockets } from "../kernel/sock-diag.ts";
import { listFamily } from "./processes.ts";

/** A tenant decides how many it opens, and how many processes it has: beyond these it is believed. */
const DESCRIPTORS_MAX = 1000;
const PROCESSES_MAX = 64;
/** The kernel makes room for descriptors in steps: a table of this size holds no more than these. */
const TABLE_MAX = 1024;

/** Also true where the system does not tell, and where the process has too many descriptors. */
export function listens(pid: number, port: number): boolean {
  const sockets = listeningSockets(port);
  if (sockets === null) return true;
  return new DescriptorSearch(sockets).visit(pid) !== "absent";
}

/** The same of a process with its descendants. Most applications listen in their main process. */
export async function familyListens(pid: number, port: number): Promise<boolean> {
  const sockets = listeningSockets(port);
  if (sockets === null) return true;
  if (sockets.length === 0) return false;
  const search = new DescriptorSearch(sockets);
  if (search.visit(pid) !== "absent") return true;
  for (const { pid: descendant } of (await listFamily(pid, PROCESSES_MAX)).slice(1)) {
    if (search.visit(descendant) !== "absent") return true;
    await setImmediate();
  }
  return false;
}

/** "unknown": more than the bound would have to be read. */
type Finding = "found" | "absent" | "unknown";

class DescriptorSearch {
  readonly #names: ReadonlySet<string>;
  #left = DESCRIPTORS_MAX;

  constructor(sockets: readonly ListeningSocket[]) {
    this.#names = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  }

  visit(pid: number): Finding {
    if (tableSizeOf(pid) > TABLE_MAX) return "unknown";
    const directory = `/proc/${pid}/fd`;
    const descriptors = list(directory);
    this.#left -= descriptors.length;
    if (this.#left < 0) return "unknown";
    const isListening = descriptors.some((fd) => this.#names.has(readLink(`${directory}/${fd}`)));
    return isListening ? "found" : "absent";
  }
}

/** 0: the process has ended. */
function tableSizeOf(pid: number): number {
  const status = readText(`/proc/${pid}/status`) ?? "";
  return Number(/^FDSize:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
}

/** Empty where the process has ended, or belongs to another user. */
function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
