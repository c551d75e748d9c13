// The cost of a wake: a request that wakes an instance, and a start of the same application by hand, polled every
// millisecond, in turns of one run. The difference of the medians is the server's share. Needs dist/ten.
import { wallSettings } from "../test/support/walls.ts";
import { freePort, median, serve } from "./support.ts";

const ROUNDS = 25;
const bun = process.execPath;
const APPLICATIONS = {
  bun: `${bun} ${import.meta.dir}/tenant.ts`,
  node: `node ${import.meta.dir}/tenant.mjs`,
  python: "python3 -m http.server {port} --bind 127.0.0.1",
};

const LEVELS = ["process", "namespace"];
const walls = wallSettings();
const readPaths = "read_paths" in walls ? walls.read_paths : [];

const services = Object.entries(APPLICATIONS).flatMap(([name, command]) =>
  LEVELS.map((level) =>
    [
      `[service.${name}-${level}]`,
      `command = "${command}"`,
      `isolation = "${level}"`,
      `read_paths = ${JSON.stringify(readPaths)}`,
      "idle_timeout = 300\n",
    ].join("\n"),
  ),
);
await using server = await serve(services.join("\n"));

console.log(`medians of ${ROUNDS} rounds, milliseconds`);
console.log("application         by hand      woken     server's share   ratio");
const runs = Object.entries(APPLICATIONS).flatMap(([name, command]) =>
  LEVELS.map((level) => [`${name}-${level}`, command] as const),
);
for (const [name, command] of runs) {
  await server.ten("spawn", `${name}:a`, "--no-start");
  const hand: number[] = [];
  const woken: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    hand.push(await startByHand(command));
    woken.push(await wake(name));
  }
  const own = median(woken) - median(hand);
  const ratio = median(woken) / median(hand);
  const cells = [median(hand), median(woken), own].map((value) => value.toFixed(1));
  console.log(
    `${name.padEnd(18)} ${cells[0]?.padStart(8)} ${cells[1]?.padStart(10)} ${cells[2]?.padStart(18)} ${ratio.toFixed(2).padStart(7)}`,
  );
}

async function startByHand(command: string): Promise<number> {
  const port = freePort();
  const begun = performance.now();
  const argv = command.replace("{port}", String(port)).split(" ");
  const child = Bun.spawn(argv, {
    env: { PATH: process.env["PATH"] ?? "", PORT: String(port) },
    stdio: ["ignore", "ignore", "ignore"],
  });
  for (;;) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/`)).text();
      break;
    } catch {
      await Bun.sleep(1);
    }
  }
  const took = performance.now() - begun;
  child.kill("SIGKILL");
  await child.exited;
  return took;
}

async function wake(service: string): Promise<number> {
  await server.ten("sleep", `${service}:a`);
  const begun = performance.now();
  const answer = await fetch(`http://127.0.0.1:${server.port}/`, {
    headers: { Host: `a.${service}.localhost` },
  });
  await answer.text();
  if (!answer.ok) throw new Error(`${service} answered ${answer.status}`);
  return performance.now() - begun;
}
