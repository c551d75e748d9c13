import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ROUTES } from "../../../../src/control/routes/routes.ts";
import { lineOf } from "../fake-logs.ts";
import { ControlWorld } from "../fakes.ts";

/** Routes that need no token. */
const PUBLIC = ["GET /", "GET /health"];

/** Routes that a tenant may use; those with `{ref}` for its own instances only. */
const TENANT = [
  "GET /api/instances",
  "GET /api/logs",
  "GET /api/logs/stream",
  "GET /api/instances/{ref}/health",
  "GET /api/instances/{ref}/storage",
  "POST /api/instances/{ref}/start",
  "POST /api/instances/{ref}/stop",
  "POST /api/instances/{ref}/restart",
  "DELETE /api/instances/{ref}",
];

/** Routes whose query changes their action. */
const WITH_QUERY = [
  "DELETE /api/instances/{ref}?purge=true",
  "DELETE /api/instances/{ref}?unregister=true",
];

const ROUTE_NAMES = ROUTES.map(({ method, path }) => `${method} ${path}`);
const EVERY = [...ROUTE_NAMES, ...WITH_QUERY];
const PROTECTED = EVERY.filter((name) => !PUBLIC.includes(name));

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  for (const name of ["notes:alice", "notes:zoe"]) world.administration.addRunning(name);
  world.logs.write(lineOf("notes:alice", "hello"), lineOf("notes:zoe", "hello"));
  world.domains.add("zoe.example", { service: "notes", id: null });
});

afterEach(() => world[Symbol.asyncDispose]());

/** Sends a request without a body: a missing field is refused only after authorization. */
async function ask(
  name: string,
  { token, ref = "notes:alice" }: { token: string | null; ref?: string },
) {
  const [method = "", pattern = ""] = name.split(" ");
  const path = pattern.replace("{ref}", ref).replaceAll(/\{\w+\}/g, "999");
  const response = await world.askOutside(path, { method, ...(token !== null && { token }) });
  const isStream = response.headers.get("Content-Type") === "text/event-stream";
  const text = isStream ? "" : await response.text();
  if (isStream) await response.body?.cancel();
  return { status: response.status, text };
}

test("the lists here name existing routes", () => {
  expect([...PUBLIC, ...TENANT].filter((name) => !ROUTE_NAMES.includes(name))).toEqual([]);
});

describe.each(EVERY)("%s", (name) => {
  test("is open to an administrator", async () => {
    const { status } = await ask(name, { token: world.token(null) });
    expect([401, 403]).not.toContain(status);
  });

  const mayTenant = PUBLIC.includes(name) || TENANT.includes(name);
  test(`is ${mayTenant ? "open" : "closed"} to a tenant`, async () => {
    const { status } = await ask(name, { token: world.token("alice") });
    if (mayTenant) expect([401, 403]).not.toContain(status);
    else expect(status).toBe(403);
  });
});

describe.each(PROTECTED)("%s", (name) => {
  test("is closed without a token, with a wrong and with a revoked one", async () => {
    const revoked = world.token(null);
    await world.client().call("revokeToken", { params: { token: "1" } });
    const answers = await Promise.all(
      [null, "wrong", revoked].map((token) => ask(name, { token })),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
  });

  test("reveals nothing of another tenant, not even its existence", async () => {
    const token = world.token("alice");
    const own = await ask(name, { token });
    const other = await ask(name, { token, ref: "notes:zoe" });
    const nobody = await ask(name, { token, ref: "notes:nobody" });
    expect(own.text + other.text).not.toContain("zoe");
    expect(nobody).toEqual(other);
    if (name.includes("{ref}")) expect(other.status).toBe(403);
  });
});
