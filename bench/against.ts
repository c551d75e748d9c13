// Compares dist/ten with another `ten`: processor time a request, and wakes. `bun bench/against.ts OTHER`; needs wrk.
import { readFileSync } from "node:fs";
import { wallSettings } from "../test/support/walls.ts";
import { median, type Server, serve, TEN, wrk } from "./support.ts";

const ROUNDS = 8;
const SECONDS = 2;
const WAKES = 40;
const TICKS_PER_SECOND = 100;
const BROWSER = [
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Language: en-US,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
  "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Site: same-origin",
  "Priority: u=0, i",
];
const KINDS: Readonly<Record<string, { path: string; headers: readonly string[] }>> = {
  "small request": { path: "/", headers: [] },
  "browser's head": { path: "/", headers: BROWSER },
  "64 KiB answer": { path: "/?65536", headers: [] },
  "1 MiB answer": { path: "/?1048576", headers: [] },
};

const other = process.argv[2];
if (other === undefined) throw new Error("Usage: bun bench/against.ts OTHER");
const walls = wallSettings();
const readPaths = "read_paths" in walls ? walls.read_paths : [];
const config = ["process", "namespace"]
  .map(
    (level) =>
      `[service.${level}]\ncommand = "${process.execPath} ${import.meta.dir}/tenant.ts"\nidle_timeout = 0\nisolation = "${level}"\nread_paths = ${JSON.stringify(readPaths)}\n`,
  )
  .join("\n");
await using ours = await serve(config);
await using theirs = await serve(config, other);
for (const server of [ours, theirs]) {
  for (const level of ["process", "namespace"]) await server.ten("spawn", `${level}:a`);
}

console.log(`${TEN} against ${other}, medians of ratios`);
for (const [name, { path, headers }] of Object.entries(KINDS)) {
  const ratios: number[] = [];
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? [ours, theirs] : [theirs, ours];
    const [first, second] = [
      await costOf(order[0] ?? ours, path, headers),
      await costOf(order[1] ?? theirs, path, headers),
    ];
    const [own, former] = round % 2 === 0 ? [first, second] : [second, first];
    costs.push(own);
    ratios.push(own / former);
  }
  const cost = median(costs).toFixed(1).padStart(7);
  console.log(`${name.padEnd(16)} ${cost} us of processor  ${median(ratios).toFixed(2)}`);
}
for (const level of ["process", "namespace"]) {
  const times: { own: number[]; former: number[] } = { own: [], former: [] };
  for (let round = 0; round < WAKES; round++) {
    times.own.push(await wake(ours, level));
    times.former.push(await wake(theirs, level));
  }
  const own = median(times.own);
  const ratio = (own / median(times.former)).toFixed(2);
  console.log(`wake, ${level.padEnd(10)} ${own.toFixed(1).padStart(7)} ms               ${ratio}`);
}

/** Microseconds of the server's processor time for a request. */
async function costOf(server: Server, path: string, headers: readonly string[]): Promise<number> {
  const before = ticks(server.pid);
  const url = `http://127.0.0.1:${server.port}${path}`;
  const { requests } = await wrk(url, SECONDS, ["Host: a.process.localhost", ...headers]);
  return ((ticks(server.pid) - before) / TICKS_PER_SECOND / requests) * 1e6;
}

/** User and system time of a process, in ticks of the kernel: proc(5), fields 14 and 15. */
function ticks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function wake(server: Server, level: string): Promise<number> {
  await server.ten("sleep", `${level}:a`);
  const begun = performance.now();
  const headers = { host: `a.${level}.localhost` };
  const answer = await fetch(`http://127.0.0.1:${server.port}/`, { headers, keepalive: false });
  if (!answer.ok) throw new Error(`a wake has failed with ${answer.status}`);
  await answer.text();
  return performance.now() - begun;
}
