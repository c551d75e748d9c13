// Probes a process: does it accept a connection, and does its health path answer with success?
import { createConnection, type Socket } from "node:net";
import { type Endpoint, renderEndpoint } from "../../core/endpoint.ts";
import type { ProbeAnswer } from "../../core/life/instance.ts";
import { codeOf } from "../../platform/files.ts";
import { descriptorOf, isOutOfDescriptors } from "../../platform/kernel/descriptors.ts";
import { type UnixPeer, unixPeerOf } from "../../platform/kernel/unix-peer.ts";
import { isListening } from "../../platform/kernel/unix-queue.ts";

export interface ProbeRequest {
  /** Where it may listen; the first endpoint that accepts a connection is probed. */
  readonly endpoints: readonly Endpoint[];
  /** Null: an accepted connection is enough. */
  readonly check: HealthCheck | null;
  /** Host header of the check: the public one, because applications refuse unknown hosts. */
  readonly host: string;
  /** It has answered before: then it is busy, and not dead, where its queue of connections is full. */
  readonly hasServed: boolean;
  /** Whether the process that listens on a Unix socket is of the launch; null: the system does not tell which it is. */
  readonly isOwn: (peer: UnixPeer | null) => boolean;
}

/** A request, and the answers to it that count as healthy: statuses 200 to 299, or any below 500. */
export interface HealthCheck {
  readonly path: string;
  readonly accepts: "success" | "answer";
}

/** For a service without a health check: its application has loaded when it answers anything but a failure. */
export const ANY_ANSWER: HealthCheck = { path: "/", accepts: "answer" };

export type Prober = (request: ProbeRequest) => Promise<ProbeAnswer>;

const PROBE_TIMEOUT_MS = 5000;
/** An answer is read to its end or this limit, so that the application sees no broken pipe. */
const ANSWER_BYTES_MAX = 64 * 1024;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;
const STATUS_LINE_LENGTH = "HTTP/1.1 200".length;

/** Shortages of this side that keep it from connecting; the runtime reports others as ECONNREFUSED. */
const OWN_LACKS: ReadonlySet<unknown> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EADDRNOTAVAIL",
]);

const UNASKED: ProbeAnswer = { kind: "unasked" };

/** @param timeoutMs for the connection and the answer of one endpoint */
export function proberWithin(timeoutMs: number): Prober {
  return async (request) => {
    const { endpoints, hasServed } = request;
    const found = await askEach(endpoints, { ...request, timeoutMs });
    if (found?.kind === "ready") {
      // It may have begun to listen on all of them meanwhile, and trusts a proxy at the first one.
      const earlier = endpoints.slice(0, endpoints.indexOf(found.endpoint));
      const first = await askEach(earlier, { ...request, timeoutMs });
      return first?.kind === "ready" ? first : found;
    }
    if (found !== null) return found;
    const busy = hasServed ? endpoints.find(isBusy) : undefined;
    if (busy !== undefined) return { kind: "ready", endpoint: busy };
    const places = endpoints.map(renderEndpoint).join(" or ");
    return { kind: "unready", reason: `nothing listens on ${places}` };
  };
}

export const socketProber = proberWithin(PROBE_TIMEOUT_MS);

interface BoundedRequest extends ProbeRequest {
  readonly timeoutMs: number;
}

/** The answer of the first endpoint that accepts a connection for the launch; null: none does. */
async function askEach(
  endpoints: readonly Endpoint[],
  request: BoundedRequest,
): Promise<ProbeAnswer | null> {
  let foreign: ProbeAnswer | null = null;
  for (const endpoint of endpoints) {
    if (isOutOfDescriptors()) return UNASKED;
    const answer = await ask(endpoint, request);
    if (answer === "foreign") foreign = takenByAnother(endpoint);
    else if (answer !== null) return answer;
  }
  return foreign;
}

export function takenByAnother(endpoint: Endpoint): ProbeAnswer {
  return { kind: "unready", reason: `another program listens on ${renderEndpoint(endpoint)}` };
}

function isBusy(endpoint: Endpoint): boolean {
  return endpoint.kind === "unix" && isListening(endpoint.path);
}

type Phase = "connecting" | "connected";

/** Null: no process accepts a connection there. "foreign": one does that is not of the launch. */
function ask(
  endpoint: Endpoint,
  { check, hasServed, host, isOwn, timeoutMs }: BoundedRequest,
): Promise<ProbeAnswer | "foreign" | null> {
  const { promise, resolve } = Promise.withResolvers<ProbeAnswer | "foreign" | null>();
  // Unlike a connection of Bun.connect, this one can be given up before it is accepted.
  const socket = createConnection(
    endpoint.kind === "unix"
      ? { path: endpoint.path }
      : { host: endpoint.host, port: endpoint.port },
  );
  let phase: Phase = "connecting";
  let head = "";
  let bytes = 0;
  const timer = setTimeout(() => {
    // It has not been accepted: the queue of the application is full.
    if (phase === "connecting" && hasServed) resolve({ kind: "ready", endpoint });
    else resolve(unanswered(phase, timeoutMs));
    socket.destroy();
  }, timeoutMs);
  socket.on("connect", () => {
    phase = "connected";
    if (endpoint.kind === "unix" && !isOwn(peerOf(socket))) {
      resolve("foreign");
      socket.destroy();
    } else if (check === null) {
      resolve({ kind: "ready", endpoint });
      socket.end();
    } else socket.write(renderCheck({ ...check, host }));
  });
  socket.on("data", (chunk) => {
    if (head.length < STATUS_LINE_LENGTH) head += chunk.toString("latin1");
    if (check !== null && head.length >= STATUS_LINE_LENGTH)
      resolve(judge(head, { check, endpoint }));
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) socket.end();
  });
  socket.on("error", (error) => {
    if (phase === "connected") resolve({ kind: "unready", reason: "it broke the connection" });
    else resolve(OWN_LACKS.has(codeOf(error)) ? UNASKED : null);
  });
  socket.on("close", () => {
    clearTimeout(timer);
    resolve({ kind: "unready", reason: "it closed the connection without an answer" });
  });
  return promise;
}

function unanswered(phase: Phase, timeoutMs: number): ProbeAnswer {
  const lack = phase === "connecting" ? "it accepts no connection" : "no answer";
  return { kind: "unready", reason: `${lack} within ${timeoutMs / 1000} s` };
}

/** Null where the system does not tell. */
function peerOf(socket: Socket): UnixPeer | null {
  const fd = descriptorOf(socket);
  return fd === null ? null : unixPeerOf(fd);
}

function renderCheck({ accepts, host, path }: HealthCheck & { host: string }): string {
  // As any request comes from the proxy: an application may answer others with an error.
  const forwarded = `X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: ${host}\r\nX-Forwarded-Proto: http\r\n`;
  const more = accepts === "answer" ? forwarded : "";
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}User-Agent: ten\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

function judge(
  head: string,
  { check, endpoint }: { check: HealthCheck; endpoint: Endpoint },
): ProbeAnswer {
  const status = STATUS_LINE.exec(head)?.[1];
  const isGood = check.accepts === "success" ? /^2/ : /^[1-4]/;
  if (status !== undefined && isGood.test(status)) return { kind: "ready", endpoint };
  const found = status === undefined ? "no HTTP answer" : `status ${status}`;
  const asked = check.accepts === "success" ? "the health check" : `GET ${check.path}`;
  return { kind: "unready", reason: `${asked} got ${found}` };
}
