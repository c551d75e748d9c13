// How processor time is divided: between two instances by cpu_shares on one processor, and to one held by cpu_limit.
// Ratios of one run. Needs dist/ten and, for control groups, root.
import { readFileSync } from "node:fs";
import { HUNGRY_COMMAND } from "../test/support/tenants/command.ts";
import { serve } from "./support.ts";

const SECONDS = 10;
const TICKS_PER_SECOND = 100;

const KEYS = { small: "cpu_shares = 100", big: "cpu_shares = 400", part: "cpu_limit = 0.2" };
const services = Object.entries(KEYS).map(
  ([name, key]) =>
    `[service.${name}]\ncommand = "${HUNGRY_COMMAND}"\nisolation = "process"\n${key}\n`,
);
await using server = await serve(services.join("\n"));

const [small, big] = await measure("small", "big");
console.log(`cpu_shares 400 against 100   ${(big / small).toFixed(2)} (4 is exact)`);
const [part] = await measure("part");
console.log(`cpu_limit 0.2                ${part.toFixed(3)} of a processor`);

/** Processors that each service took while all of them were busy. */
async function measure<Names extends string[]>(
  ...names: Names
): Promise<{ [Name in keyof Names]: number }> {
  await server.ten("spawn", ...names.map((name) => `${name}:a`));
  const pids = await Promise.all(names.map(spin));
  const [startedAt, before] = [performance.now(), pids.map(ticksOf)];
  await Bun.sleep(SECONDS * 1000);
  const seconds = (performance.now() - startedAt) / 1000;
  const taken = pids.map((pid, index) => ticksOf(pid) - (before[index] ?? 0));
  await server.ten("stop", ...names.map((name) => `${name}:a`));
  return taken.map((ticks) => ticks / TICKS_PER_SECOND / seconds) as {
    [Name in keyof Names]: number;
  };
}

/** The pid of a process of the service that never rests, on the first processor. */
async function spin(name: string): Promise<number> {
  const headers = { Host: `a.${name}.localhost` };
  const answer = await fetch(`http://127.0.0.1:${server.port}/spin`, { headers });
  return Number(await answer.text());
}

/** The time that a process has spent in its own code. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[11]);
}
