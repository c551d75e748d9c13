// Requests a second through `ten`, through nginx with one worker, through `Bun.serve` with `fetch`, and directly to the
// tenant. The four take turns in each round of one run; only their ratios matter. Needs nginx, wrk and dist/ten.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, median, serve, untilListening, wrk } from "./support.ts";

const ROUNDS = 5;
const SECONDS = 3;
const bun = process.execPath;

const directory = mkdtempSync(join(tmpdir(), "ten-bench-"));
await using server = await serve(
  `[service.hello]\ncommand = "${bun} ${import.meta.dir}/tenant.ts"\nidle_timeout = 0\nisolation = "process"\n`,
);
await server.ten("spawn", "hello:a");
const [instance] = JSON.parse(await server.ten("ps", "--json")) as [{ port: number }];
const ports = { nginx: freePort(), fetch: freePort() };
writeFileSync(join(directory, "nginx.conf"), nginxConfig(ports.nginx, instance.port));
const others = [
  Bun.spawn(["nginx", "-p", directory, "-c", join(directory, "nginx.conf")], {
    stdout: "ignore",
    stderr: "ignore",
  }),
  Bun.spawn([
    bun,
    join(import.meta.dir, "fetch-proxy.ts"),
    String(ports.fetch),
    String(instance.port),
  ]),
];
await Promise.all(Object.values(ports).map(untilListening));

const contestants = {
  direct: instance.port,
  nginx: ports.nginx,
  ten: server.port,
  "Bun.serve + fetch": ports.fetch,
};
const rates: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, port] of Object.entries(contestants)) {
    rates[name] = [...(rates[name] ?? []), await measure(port)];
  }
}
for (const other of others) other.kill();
rmSync(directory, { recursive: true, force: true });

console.log(`wrk -t1 -c50, ${ROUNDS} rounds of ${SECONDS} s each`);
console.log("contestant           requests/s   of nginx   of direct");
for (const [name, values] of Object.entries(rates)) {
  const against = (other: string) => {
    const ratios = values.map((value, round) => value / (rates[other]?.[round] ?? Number.NaN));
    return median(ratios).toFixed(2);
  };
  const rate = Math.round(median(values)).toString();
  console.log(
    `${name.padEnd(20)} ${rate.padStart(10)} ${against("nginx").padStart(10)} ${against("direct").padStart(11)}`,
  );
}

async function measure(port: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/`;
  return (await wrk(url, SECONDS, ["Host: a.hello.localhost"])).perSecond;
}

function nginxConfig(port: number, upstream: number): string {
  return `
    daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
    events { worker_connections 1024; }
    http {
      access_log off; keepalive_requests 1000000;
      upstream tenant { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://tenant; proxy_http_version 1.1; proxy_set_header Connection "";
          proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
      }
    }`;
}
