// Typed calls to the control API, over its Unix socket or over HTTP.
import { isErrorCode, messageOf, TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import type {
  DeployAnswer,
  DeployFields,
  RolloutEvent,
  RolloutFields,
  RouteAnswer,
  RouteBody,
} from "../wire/deploys.ts";
import type { DomainAnswer, DomainBody } from "../wire/domains.ts";
import type {
  EnvAnswer,
  HealthAnswer,
  InstanceAnswer,
  SpawnAnswer,
  SpawnBody,
  StorageAnswer,
  StoryAnswer,
  WeightAnswer,
} from "../wire/instances.ts";
import type { LogAnswer, LogQueryFields } from "../wire/logs.ts";
import type { ReloadAnswer } from "../wire/reload.ts";
import type { RestartAnswer } from "../wire/restart.ts";
import type { AuditAnswer, NewTokenAnswer, TokenAnswer, TokenBody } from "../wire/tokens.ts";
import type { ErrorAnswer } from "../wire/wire.ts";
import { readEvents } from "./event-reader.ts";
import { followLines, type LogEvent } from "./log-follower.ts";

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

export type Order = "start" | "stop" | "sleep" | "restart" | "disable" | "enable";

interface Question {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Every call throws what the server refused with, or SERVER_UNREACHABLE. */
export class Client {
  readonly #target: ServerAddress;

  constructor(target: ServerAddress) {
    this.#target = target;
  }

  /** @param query.all also those asleep, stopped or disabled */
  list(query: { all: boolean }): Promise<readonly InstanceAnswer[]> {
    return this.#ask("/api/instances", { query: { all: String(query.all) } });
  }

  spawn(body: SpawnBody): Promise<SpawnAnswer> {
    return this.#ask("/api/instances/spawn", { method: "POST", body });
  }

  order(ref: InstanceRef, order: Order): Promise<InstanceAnswer> {
    return this.#ask(`${pathOf(ref)}/${order}`, { method: "POST" });
  }

  /** Stops and forgets it; `purge` also deletes its files and logs. */
  async remove(ref: InstanceRef, { purge }: { purge: boolean }): Promise<void> {
    const query = purge ? { purge: "true" } : { unregister: "true" };
    await this.#send(pathOf(ref), { method: "DELETE", query });
  }

  weigh(ref: InstanceRef, weight: number): Promise<WeightAnswer> {
    return this.#ask(`${pathOf(ref)}/weight`, { method: "PUT", body: { weight } });
  }

  deploy(body: DeployFields): Promise<DeployAnswer> {
    return this.#ask("/api/deploy", { method: "POST", body });
  }

  route(body: RouteBody): Promise<RouteAnswer> {
    return this.#ask("/api/route", { method: "POST", body });
  }

  /** Ends after the event "done"; throws SERVER_UNREACHABLE when the server goes away earlier. */
  async *rollout(body: RolloutFields): AsyncGenerator<RolloutEvent, void> {
    const response = await this.#send("/api/rollout", { method: "POST", body });
    const leaving = new AbortController();
    try {
      for await (const { type, data } of readEvents(response.body, leaving.signal)) {
        if (type !== "message") continue;
        const event = JSON.parse(data) as RolloutEvent;
        yield event;
        if (event.kind === "done") return;
      }
    } catch (cause) {
      throw abandonedRollout(body.process, cause);
    } finally {
      leaving.abort();
    }
    throw abandonedRollout(body.process);
  }

  health(ref: InstanceRef): Promise<HealthAnswer> {
    return this.#ask(`${pathOf(ref)}/health`);
  }

  storage(ref: InstanceRef): Promise<StorageAnswer> {
    return this.#ask(`${pathOf(ref)}/storage`);
  }

  story(ref: InstanceRef): Promise<StoryAnswer> {
    return this.#ask(`${pathOf(ref)}/why`);
  }

  env(ref: InstanceRef): Promise<EnvAnswer> {
    return this.#ask(`${pathOf(ref)}/env`);
  }

  /** Null unsets a name. */
  changeEnv(
    ref: InstanceRef,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<EnvAnswer> {
    return this.#ask(`${pathOf(ref)}/env`, { method: "PATCH", body: changes });
  }

  logs(query: Partial<LogQueryFields>): Promise<readonly LogAnswer[]> {
    return this.#ask("/api/logs", { query });
  }

  /** Ends when `signal` is aborted; goes on at a server that follows. Throws SERVER_UNREACHABLE when there is none. */
  followLogs(query: Partial<LogQueryFields>, signal: AbortSignal): AsyncGenerator<LogEvent, void> {
    const open = (wish: Partial<LogQueryFields>) =>
      this.#send("/api/logs/stream", { query: wish, signal });
    return followLines({ open, query, signal });
  }

  /** Resolves once another server has followed the present one. */
  restartServer(): Promise<RestartAnswer> {
    return this.#ask("/api/server/restart", { method: "POST" });
  }

  tokens(): Promise<readonly TokenAnswer[]> {
    return this.#ask("/api/tokens");
  }

  createToken(body: TokenBody): Promise<NewTokenAnswer> {
    return this.#ask("/api/tokens", { method: "POST", body });
  }

  async revokeToken(id: number): Promise<void> {
    await this.#send(`/api/tokens/${id}`, { method: "DELETE" });
  }

  /** Those of one target on demand. */
  domains(query: { target: string | undefined }): Promise<readonly DomainAnswer[]> {
    return this.#ask("/api/domains", { query });
  }

  addDomain(body: DomainBody): Promise<DomainAnswer> {
    return this.#ask("/api/domains", { method: "POST", body });
  }

  async removeDomain({ host, target }: DomainBody): Promise<void> {
    const path = `/api/domains/${encodeURIComponent(host)}`;
    await this.#send(path, { method: "DELETE", query: { target } });
  }

  /** Throws CONFIG_INVALID with all that is wrong; then nothing has changed. */
  reload(query: { dryRun: boolean }): Promise<ReloadAnswer> {
    return this.#ask("/api/reload", { method: "POST", query: { dry_run: String(query.dryRun) } });
  }

  audit(query: { limit: string | undefined }): Promise<readonly AuditAnswer[]> {
    return this.#ask("/api/audit", { query });
  }

  async #ask<Answer>(path: string, question: Question = {}): Promise<Answer> {
    const response = await this.#send(path, question);
    return (await response.json()) as Answer;
  }

  async #send(path: string, question: Question): Promise<Response> {
    const response = await this.#fetch(path, question).catch((thrown) => {
      throw this.#explain(thrown);
    });
    if (response.ok) return response;
    const answer: unknown = await response.json().catch(() => null);
    if (isErrorAnswer(answer)) throw new RemoteError(response.status, answer);
    if (response.status === 431) {
      throw new TenError("REQUEST_INVALID", "Cannot ask the server: what is asked is too long");
    }
    throw this.#unreachable(`what answers there is not ten (HTTP ${response.status})`);
  }

  #fetch(path: string, { method = "GET", query = {}, body, signal }: Question): Promise<Response> {
    const target = this.#target;
    const origin = target.kind === "unix" ? "http://localhost" : target.origin;
    const headers = new Headers();
    if (target.kind === "http" && target.token !== null) {
      headers.set("Authorization", `Bearer ${target.token}`);
    }
    if (body !== undefined) headers.set("Content-Type", "application/json");
    return fetch(`${origin}${path}${renderQuery(query)}`, {
      method,
      headers,
      // A redirect would carry the token to somebody else.
      redirect: "manual",
      // An order lasts as long as the application takes to start or stop.
      timeout: false,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
      ...(target.kind === "unix" ? { unix: target.path, proxy: false } : {}),
    } as BunFetchRequestInit);
  }

  #explain(thrown: unknown): unknown {
    const code = (thrown as { code?: unknown } | null)?.code;
    if (thrown instanceof Error && thrown.name === "AbortError") return thrown;
    if (code === "EACCES" && this.#target.kind === "unix") {
      return new TenError("FORBIDDEN", `Cannot open "${this.#target.path}": permission denied`, {
        hint: "Run this as the user that runs the server, or use --server URL with a token",
      });
    }
    return this.#unreachable(REASONS[String(code)] ?? messageOf(thrown), thrown);
  }

  #unreachable(reason: string, cause?: unknown): TenError {
    const target = this.#target;
    const where = target.kind === "unix" ? target.path : target.origin;
    const hint =
      target.kind === "unix"
        ? "Start it with ten serve, or name its data directory with --data-dir"
        : "Check the address, and that ten serve runs there";
    return new TenError("SERVER_UNREACHABLE", `Cannot reach the server at "${where}": ${reason}`, {
      hint,
      cause,
    });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nothing listens there",
  ConnectionRefused: "nothing listens there",
  ENOTFOUND: "its name is not known",
  ENAMETOOLONG: "the path is too long for a socket",
};

function abandonedRollout(service: string, cause?: unknown): TenError {
  const message = `Cannot follow the rollout of "${service}" to its end: the server went away`;
  return new TenError("SERVER_UNREACHABLE", message, {
    hint: `Every instance is on its old process or on a new one. Run ten rollout ${service} again`,
    cause,
  });
}

function pathOf(ref: InstanceRef): string {
  return `/api/instances/${formatRef(ref)}`;
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
