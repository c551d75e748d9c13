// Strangers who flood the server from an address of their own: a process for `soak.ts`, which gives the port.
import { createConnection, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { mutate } from "../fuzz/mutate.ts";
import { randomFrom } from "../support/random.ts";
import { hostOf } from "./population.ts";

const ADDRESS = "127.0.0.2";
const PAUSE_MS = 250;
const PIPELINED = 1000;
const SILENT = 200;
const SLOW = 20;
const TUNNELS = 20;

const HOSTS = [
  ...["a%b", "..", "localhost.", "__proto__", "%2e", "[::1", "x".repeat(300), "é", "a@b", "a b"],
  ...["127.0.0.1:99999", "t0.calm.localhost.evil", "\0", ".calm.localhost", "calm.localhost:"],
];
const UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n";

const [port = 0, seed = 1] = process.argv.slice(2).map(Number);
const random = randomFrom(seed);
const get = (host: string, more = "") => `GET / HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
/** Those that attack by their answers; the others would be woken out of their turn. */
const hostile = () => hostOf("hostile", random.pick(["answers", "pieces", "tunnels"]));

/** Without end: the soak ends this process. */
async function repeat(act: () => void): Promise<void> {
  for (;;) {
    act();
    await delay(PAUSE_MS);
  }
}

function open(crowd: Set<Socket>): Socket {
  const socket = createConnection({ host: "127.0.0.1", port, localAddress: ADDRESS });
  socket.on("error", () => undefined);
  socket.on("close", () => crowd.delete(socket));
  crowd.add(socket);
  return socket;
}

const pipelining = new Set<Socket>();
/** Thousands of requests a second to a host that does not exist. */
function pipeline(): void {
  const [socket = open(pipelining).resume()] = pipelining;
  if (socket.writableLength < 1e6) socket.write(get("nobody").repeat(PIPELINED));
}

const silent = new Set<Socket>();
function keepSilent(): void {
  for (let count = 0; silent.size < SILENT && count < 20; count += 1) open(silent);
}

const slow = new Set<Socket>();
/** Readers who take nothing of answers without end. */
function readSlowly(): void {
  if (slow.size < SLOW)
    open(slow)
      .pause()
      .write(get(hostOf("hostile", "pieces")));
}

const odd = new Set<Socket>();
function askOddly(): void {
  const request = random.below(2) === 0 ? get(random.pick(HOSTS)) : mutate(get(hostile()), random);
  open(odd).resume().end(request, "latin1");
}

const tunnels = new Set<Socket>();
/** Some end their half at once, some never. */
function tunnel(): void {
  if (tunnels.size >= TUNNELS) return;
  const socket = open(tunnels).resume();
  socket.write(get(hostOf("hostile", "tunnels"), UPGRADE));
  if (random.below(2) === 0) socket.end("half");
}

const asking = new Set<Socket>();
function askHostile(): void {
  if (asking.size >= SLOW) return;
  open(asking).resume().write(get(hostile(), "Connection: close\r\n"));
}

await Promise.all([
  repeat(pipeline),
  repeat(keepSilent),
  repeat(readSlowly),
  repeat(askOddly),
  repeat(tunnel),
  repeat(askHostile),
]);
