// Probes a process: does it accept a connection, and does its health path answer with success?
import { type Endpoint, renderEndpoint } from "../../core/endpoint.ts";
import type { ProbeAnswer } from "../../core/life/instance.ts";
import { connect } from "../../platform/connect.ts";
import { codeOf } from "../../platform/files.ts";
import { isOutOfDescriptors } from "../../platform/kernel/descriptors.ts";
import { type UnixPeer, unixPeerOf } from "../../platform/kernel/unix-peer.ts";
import { isListening } from "../../platform/kernel/unix-queue.ts";

export interface ProbeRequest {
  /** Where it may listen; the first endpoint that accepts a connection is probed. */
  readonly endpoints: readonly Endpoint[];
  /** Path of the health check; null: an accepted connection is enough. */
  readonly health: string | null;
  /** Host header of the check: the public one, because applications refuse unknown hosts. */
  readonly host: string;
  /** It has answered before: then it is busy, and not dead, where its queue of connections is full. */
  readonly hasServed: boolean;
  /** Whether the process that listens on a Unix socket is of the launch; null: the system does not tell which it is. */
  readonly isOwn: (peer: UnixPeer | null) => boolean;
}

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

export const socketProber: Prober = async (request) => {
  const { endpoints, hasServed } = request;
  const found = await askEach(endpoints, request);
  if (found?.kind === "ready") {
    // It may have begun to listen on all of them meanwhile, and trusts a proxy at the first one.
    const earlier = endpoints.slice(0, endpoints.indexOf(found.endpoint));
    const first = await askEach(earlier, request);
    return first?.kind === "ready" ? first : found;
  }
  if (found !== null) return found;
  const busy = hasServed ? endpoints.find(isBusy) : undefined;
  if (busy !== undefined) return { kind: "ready", endpoint: busy };
  const places = endpoints.map(renderEndpoint).join(" or ");
  return { kind: "unready", reason: `nothing listens on ${places}` };
};

/** The answer of the first endpoint that accepts a connection for the launch; null: none does. */
async function askEach(
  endpoints: readonly Endpoint[],
  { health: path, host, isOwn }: ProbeRequest,
): Promise<ProbeAnswer | null> {
  let foreign: ProbeAnswer | null = null;
  for (const endpoint of endpoints) {
    if (isOutOfDescriptors()) return UNASKED;
    const answer = await ask(endpoint, { path, host, isOwn });
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

interface Check extends Pick<ProbeRequest, "host" | "isOwn"> {
  /** Null: an accepted connection is enough. */
  readonly path: string | null;
}

/** Null: no process accepts a connection there. "foreign": one does that is not of the launch. */
function ask(
  endpoint: Endpoint,
  { host, isOwn, path }: Check,
): Promise<ProbeAnswer | "foreign" | null> {
  const { promise, resolve } = Promise.withResolvers<ProbeAnswer | "foreign" | null>();
  let head = "";
  let bytes = 0;
  let timer: Timer | undefined;
  const handler: Bun.SocketHandler<undefined> = {
    open(socket) {
      if (endpoint.kind === "unix" && !isOwn(unixPeerOf(descriptorOf(socket)))) {
        resolve("foreign");
        socket.terminate();
        return;
      }
      if (path === null) {
        resolve({ kind: "ready", endpoint });
        socket.end();
        return;
      }
      socket.write(renderCheck({ path, host }));
      timer = setTimeout(() => {
        resolve({ kind: "unready", reason: `no answer within ${PROBE_TIMEOUT_MS / 1000} s` });
        socket.terminate();
      }, PROBE_TIMEOUT_MS);
    },
    data(socket, chunk) {
      if (head.length < STATUS_LINE_LENGTH) head += chunk.toString("latin1");
      if (head.length >= STATUS_LINE_LENGTH) resolve(judge(head, endpoint));
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) socket.end();
    },
    close() {
      clearTimeout(timer);
      resolve({ kind: "unready", reason: "it closed the connection without an answer" });
    },
    error: () => resolve({ kind: "unready", reason: "it broke the connection" }),
  };
  connect(endpoint, handler).catch((error: unknown) =>
    resolve(OWN_LACKS.has(codeOf(error)) ? UNASKED : null),
  );
  return promise;
}

/** The types do not declare it. */
function descriptorOf(socket: Bun.Socket<undefined>): number {
  return (socket as unknown as { readonly fd: number }).fd;
}

function renderCheck({ path, host }: { path: string; host: string }): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ten\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

function judge(head: string, endpoint: Endpoint): ProbeAnswer {
  const status = STATUS_LINE.exec(head)?.[1];
  if (status?.startsWith("2")) return { kind: "ready", endpoint };
  const found = status === undefined ? "no HTTP answer" : `status ${status}`;
  return { kind: "unready", reason: `the health check got ${found}` };
}
