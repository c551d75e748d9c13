// All that the host is examined for. What is examined elsewhere beside what it is about is only listed here.
import type { Finding } from "../core/finding.ts";
import type { Host } from "../platform/host.ts";
import { examineFirewall } from "./firewall.ts";
import { examineKernel } from "./kernel.ts";
import { examineMachines } from "./machines.ts";

type Examination = (host: Host) => readonly Finding[] | Promise<readonly Finding[]>;

/** Findings of one group follow each other in this order. */
const EXAMINATIONS: readonly Examination[] = [
  examineKernel,
  examineMachines,
  (host) => examineFirewall(host),
];

/** Everything that is found, group by group at the reader's leave; changes nothing on the host. */
export async function examineHost(host: Host): Promise<readonly Finding[]> {
  const found = await Promise.all(EXAMINATIONS.map((examine) => examine(host)));
  return found.flat();
}
