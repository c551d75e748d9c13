// Who may do what through the control API.
import type { InstanceRef } from "./ref.ts";

/** Whoever sent a request. The name is what the audit trail shows: "socket", "token 3". */
export type Caller =
  | { readonly kind: "admin"; readonly name: string }
  /** Limited to the instances with this id, of whatever service. */
  | { readonly kind: "tenant"; readonly name: string; readonly id: string }
  | { readonly kind: "stranger" };

/** True: a tenant may do it to its own instances. */
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
  env: false,
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
 * @param ref null: the action names none. A tenant that lists or reads logs sees only what `maySee` lets through
 */
export function decideAccess(caller: Caller, action: Action, ref: InstanceRef | null): Access {
  if (caller.kind === "stranger") return { kind: "unauthenticated" };
  if (caller.kind === "admin") return { kind: "allowed" };
  if (!TENANT_MAY[action]) {
    return { kind: "forbidden", reason: "the token of a tenant does not permit it" };
  }
  // Decided before anybody looks whether the instance exists, so the answer tells nothing about others.
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
