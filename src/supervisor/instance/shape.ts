// The shape of a process: a hash of the configuration that only a new process takes over.
import { createHash } from "node:crypto";
import { launchShape } from "../../core/reload-plan.ts";
import type { Service } from "../../core/service.ts";

const known = new WeakMap<Service, string>();

/** Equal for two services whose processes are launched alike. A hash, because the configuration may hold secrets. */
export function shapeOf(service: Service): string {
  const present = known.get(service);
  if (present !== undefined) return present;
  const shape = createHash("sha256").update(launchShape(service)).digest("base64url");
  known.set(service, shape);
  return shape;
}
