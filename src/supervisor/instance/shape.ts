// What of its service's configuration a process keeps for life, as a hash, since that may hold secrets.
import { createHash } from "node:crypto";
import { launchShape } from "../../core/reload-plan.ts";
import type { Service } from "../../core/service.ts";

const known = new WeakMap<Service, string>();

/** Equal for two services whose processes are launched alike. */
export function shapeOf(service: Service): string {
  const present = known.get(service);
  if (present !== undefined) return present;
  const shape = createHash("sha256").update(launchShape(service)).digest("base64url");
  known.set(service, shape);
  return shape;
}
