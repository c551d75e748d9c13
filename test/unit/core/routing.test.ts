import { describe, expect, test } from "bun:test";
import {
  decideTarget,
  normalizeHostname,
  pickByWeight,
  type RoutingTable,
} from "../../../src/core/routing.ts";

const SERVICES = ["notes", "api", "admin-service"];
/** The first two are free; the others belong to somebody by their names, so nobody can take them. */
const CUSTOM = ["alice.org", "shop.example.com", "bob.notes.example.com", "api.example.com"];
CUSTOM.push("admin.example.com", "example.com", "localhost");
const table: RoutingTable = {
  domain: "example.com",
  overrides: {
    default: { service: "api", id: null },
    subdomain: new Map([
      ["admin", { service: "admin-service", id: null }],
      ["one", { service: "notes", id: "alice" }],
    ]),
    path: [
      { prefix: "/api/v2", target: { service: "notes", id: null } },
      { prefix: "/api", target: { service: "admin-service", id: null } },
    ],
  },
  customHostname: (host) => (CUSTOM.includes(host) ? { service: "notes", id: "alice" } : null),
  hasService: (service) => SERVICES.includes(service),
  hasInstance: ({ service, id }) => service === "notes" && id === "alice",
};

const alice = { kind: "instance", ref: { service: "notes", id: "alice" } } as const;
const service = (name: string) => ({ kind: "service", service: name }) as const;
const unknown = { kind: "unknown" } as const;
const control = { kind: "control" } as const;

describe("decideTarget()", () => {
  const cases = [
    ["alice.notes.example.com", "/", alice],
    ["ALICE.Notes.Example.COM.:8443", "/", alice],
    ["bob.notes.example.com", "/", unknown],
    ["alice.nothing.example.com", "/", unknown],
    ["x.alice.notes.example.com", "/", unknown],
    [".notes.example.com", "/", unknown],
    ["notes.example.com", "/", service("notes")],
    ["nothing.example.com", "/", unknown],
    ["admin.example.com", "/", service("admin-service")],
    ["one.example.com", "/", alice],
    ["alice.org", "/api", alice],
    ["Alice.ORG.", "/api", alice],
    ["shop.example.com", "/", alice],
    ["api.example.com", "/", service("api")],
    ["example.com", "/", service("api")],
    ["example.com", "/api", service("admin-service")],
    ["example.com", "/api/x", service("admin-service")],
    ["example.com", "/apix", service("api")],
    ["example.com", "/api/v2/x", service("notes")],
    ["notexample.com", "/api", control],
    ["localhost", "/api", control],
    ["127.0.0.1:8080", "/api", control],
    ["[::1]:8080", "/api", control],
  ] as const;
  for (const [host, path, target] of cases) {
    test(`${host}${path} goes to ${JSON.stringify(target)}`, () => {
      expect(decideTarget({ hostname: normalizeHostname(host), path }, table)).toEqual(target);
    });
  }

  test("leads the root domain to the dashboard and the API without overrides", () => {
    const overrides = { default: null, subdomain: new Map(), path: [] };
    const bare = { ...table, overrides };
    expect(decideTarget({ hostname: "example.com", path: "/api" }, bare)).toEqual(control);
  });
});

describe("pickByWeight()", () => {
  const of = (id: string, weight: number) => ({ ref: { service: "notes", id }, weight });

  test("picks in proportion to the weights, and never weight 0", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 1000; i++) {
      const picked = pickByWeight([of("a", 30), of("b", 0), of("c", 10)], i / 1000)?.id ?? "";
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ a: 750, c: 250 });
  });

  test("is null when no candidate has weight", () => {
    expect(pickByWeight([of("a", 0)], 0)).toBeNull();
    expect(pickByWeight([], 0.5)).toBeNull();
  });
});
