// Sends one request to the control API, over its Unix socket or over HTTP; refusals and failures become errors.
import { isErrorCode, messageOf, TenError } from "../../core/errors.ts";
import { codeOf } from "../../platform/files.ts";
import type { Method } from "../wire/endpoints.ts";
import type { ErrorAnswer } from "../wire/wire.ts";

/** Where the server is. */
export type ServerAddress =
  | { readonly kind: "unix"; readonly path: string }
  /** The origin, without a path. */
  | { readonly kind: "http"; readonly origin: string; readonly token: string | null };

/** The server's refusal, as it was sent. */
export class RemoteError extends TenError {
  constructor(status: number, { error, code, hint, log }: ErrorAnswer) {
    const known = isErrorCode(code) ? code : status === 401 ? "UNAUTHENTICATED" : "FAILED";
    super(known, error, {
      ...(hint !== undefined && { hint }),
      ...(log !== undefined && { log }),
    });
  }
}

export interface ApiRequest {
  readonly method: Method;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>> | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves to a successful answer. Throws the server's refusal, or SERVER_UNREACHABLE. */
export async function send(address: ServerAddress, request: ApiRequest): Promise<Response> {
  const response = await fetchFrom(address, request).catch((thrown) => {
    throw explain(thrown, address);
  });
  if (response.ok) return response;
  const answer: unknown = await response.json().catch(() => null);
  if (isErrorAnswer(answer)) throw new RemoteError(response.status, answer);
  if (response.status === 431) {
    throw new TenError("REQUEST_INVALID", "Cannot send the request: it is too long");
  }
  throw unreachable(address, `the program that answers there is not ten (HTTP ${response.status})`);
}

function fetchFrom(
  address: ServerAddress,
  { method, path, query = {}, body, signal }: ApiRequest,
): Promise<Response> {
  const origin = address.kind === "unix" ? "http://localhost" : address.origin;
  const headers = new Headers();
  if (address.kind === "http" && address.token !== null) {
    headers.set("Authorization", `Bearer ${address.token}`);
  }
  if (body !== undefined) headers.set("Content-Type", "application/json");
  return fetch(`${origin}${path}${renderQuery(query)}`, {
    method,
    headers,
    // A redirect would carry the token to another server.
    redirect: "manual",
    // An order lasts as long as the application takes to start or stop.
    timeout: false,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
    ...(address.kind === "unix" ? { unix: address.path, proxy: false } : {}),
  } as BunFetchRequestInit);
}

function explain(thrown: unknown, address: ServerAddress): unknown {
  const code = codeOf(thrown);
  if (thrown instanceof Error && thrown.name === "AbortError") return thrown;
  if (code === "EACCES" && address.kind === "unix") {
    return new TenError("FORBIDDEN", `Cannot open "${address.path}": permission denied`, {
      hint: "Run this as the user that runs the server, or use --server URL with a token",
    });
  }
  return unreachable(address, REASONS[String(code)] ?? messageOf(thrown), thrown);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nothing listens there",
  ConnectionRefused: "nothing listens there",
  ENOTFOUND: "its name is not known",
  ENAMETOOLONG: "the path is too long for a socket",
};

function unreachable(address: ServerAddress, reason: string, cause?: unknown): TenError {
  const where = address.kind === "unix" ? address.path : address.origin;
  const hint =
    address.kind === "unix"
      ? "Start it with ten serve, or name its data directory with --data-dir"
      : "Check the address, and that ten serve runs there";
  return new TenError("SERVER_UNREACHABLE", `Cannot reach the server at "${where}": ${reason}`, {
    hint,
    cause,
  });
}

function renderQuery(query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

function isErrorAnswer(value: unknown): value is ErrorAnswer {
  if (typeof value !== "object" || value === null) return false;
  return "error" in value && typeof value.error === "string" && "code" in value;
}
