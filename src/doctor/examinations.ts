// Runs every examination of the host.
import type { Host } from "../platform/host.ts";
import { examineClock } from "./clock.ts";
import { examineDataDirectory } from "./data-directory.ts";
import type { Finding } from "./finding.ts";
import { examineFirewall } from "./firewall.ts";
import { examineKernel } from "./kernel.ts";
import { examineLimits } from "./limits.ts";
import { examineMachines } from "./machines.ts";
import { examinePortRange } from "./port-range.ts";
import { examineResources } from "./resources.ts";
import { examineSandbox } from "./sandbox.ts";
import { examineUser } from "./user.ts";
import { examineVolumes } from "./volumes.ts";
import { examineWalls } from "./walls.ts";

type Examination = (host: Host) => readonly Finding[] | Promise<readonly Finding[]>;

/** In the order of the findings within a group. */
const EXAMINATIONS: readonly Examination[] = [
  (host) => examineKernel(host),
  (host) => examineUser(host),
  (host) => examineClock(host),
  (host) => examineWalls(host),
  (host) => examineSandbox(host),
  (host) => examineMachines(host),
  (host) => examineLimits(host),
  (host) => examineDataDirectory(host),
  (host) => examineVolumes(host),
  (host) => examineFirewall(host),
  (host) => examinePortRange(host),
  (host) => examineResources(host),
];

/** The findings of all examinations; the host is left unchanged. */
export async function examineHost(host: Host): Promise<readonly Finding[]> {
  const found = await Promise.all(EXAMINATIONS.map((examine) => examine(host)));
  return found.flat();
}
