import { expect, test } from "bun:test";
import { planOpenApi } from "../../../../src/control/routes/openapi.ts";
import { ROUTES } from "../../../../src/control/routes/routes.ts";

const document = planOpenApi(ROUTES, "1.2.3");
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);

test("every route is an operation with a name of its own", () => {
  expect(operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort()).toEqual(
    ROUTES.map(({ method, path }) => `${method} ${path}`).sort(),
  );
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(
    operations.length,
  );
});

test("every reference leads to a component", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)];
  const names = Object.keys(document.components.schemas);
  const known = Object.entries(document.components).flatMap(([kind, components]) =>
    Object.keys(components).map((name) => `#/components/${kind}/${name}`),
  );
  expect(
    references.map(([, target = ""]) => target).filter((each) => !known.includes(each)),
  ).toEqual([]);
  expect(names).toContain("Instance");
});

test("only public operations need no token", () => {
  const open = operations.filter(({ operation }) => operation.security.length === 0);
  expect(open.map(({ path }) => path)).toEqual(["/", "/health"]);
});

test("a number in a query is described as a number, though it is sent as text", () => {
  const parameters = document.paths["/api/audit"]?.["get"]?.parameters;
  expect(parameters).toEqual([
    {
      name: "limit",
      in: "query",
      required: false,
      description: "At most this many: 1 to 10000",
      schema: { type: "integer", minimum: 1, maximum: 10_000 },
    },
  ]);
});
