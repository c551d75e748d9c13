// Access rules of the control API: which caller may take which action on which instance.
import type { InstanceRef } from "./ref.ts";

/** Names the client's address to the API. The proxy adds it, and drops a header of this name from every request. */
export const CLIENT_HEADER = "X-Ten-Client";

/** The sender of a request. The audit trail shows its name: "socket", "token 3". */
export type Caller =
  | { readonly kind: "admin"; readonly name: string }
  /** Limited to the instances with this id, of any service. */
  | { readonly kind: "tenant"; readonly name: string; readonly id: string }
  | { readonly kind: "stranger" };

export function callerName(caller: Caller): string {
  return caller.kind === "stranger" ? "stranger" : caller.name;
}

/** True: a tenant may take the action on its own instances. */
const TENANT_MAY = {
  list: true,
  health: true,
  storage: true,
  logs: true,
  start: true,
  stop: true,
  restart: true,
  spawn: false,
  sleep: false,
  disable: false,
  enable: false,
  remove: false,
  weight: false,
  deploy: false,
  route: false,
  rollout: false,
  why: false,
  exec: false,
  env: false,
  "reveal-env": false,
  "set-env": false,
  tokens: false,
  "create-token": false,
  "revoke-token": false,
  domains: false,
  "add-domain": false,
  "remove-domain": false,
  "restart-server": false,
  audit: false,
  telemetry: false,
  openapi: false,
  reload: false,
} as const;

export type Action = keyof typeof TENANT_MAY;

export type Access =
  | { readonly kind: "allowed" }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "forbidden"; readonly reason: string };

/**
 * Decides whether the caller may take an action on an instance.
 * @param ref null: the action names no instance. The lists and logs that a tenant gets are filtered by `maySee`
 */
export function decideAccess(caller: Caller, action: Action, ref: InstanceRef | null): Access {
  if (caller.kind === "stranger") return { kind: "unauthenticated" };
  if (caller.kind === "admin") return { kind: "allowed" };
  if (!TENANT_MAY[action]) {
    return { kind: "forbidden", reason: "the token of a tenant does not permit it" };
  }
  // Decided before the instance is looked up, so that the answer does not reveal whether it exists.
  if (ref !== null && !maySee(caller, ref)) {
    return { kind: "forbidden", reason: `the token is limited to instances named "${caller.id}"` };
  }
  return { kind: "allowed" };
}

/** Whether an instance may appear in an answer to the caller. */
export function maySee(caller: Caller, ref: InstanceRef): boolean {
  if (caller.kind === "tenant") return caller.id === ref.id;
  return caller.kind === "admin";
}
