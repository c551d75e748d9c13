import { expect, test } from "bun:test";
import { MASK, maskValue } from "../../../src/core/secrets.ts";

test.each([
  "API_KEY",
  "token",
  "AWS_SECRET_ACCESS",
  "DB_PASSWORD",
  "PASSWD",
  "CREDENTIALS",
  "SENTRY_DSN",
])("masks the value of %s", (name) => {
  expect(maskValue(name, "hunter2")).toBe(MASK);
});

test("masks only the password within a URL", () => {
  expect(maskValue("DATABASE_URL", "postgres://app:hunter2@db:5432/app")).toBe(
    `postgres://app:${MASK}@db:5432/app`,
  );
  expect(maskValue("CACHE", "redis://:hunter2@cache")).toBe(`redis://:${MASK}@cache`);
  expect(maskValue("PAIR", "amqp://a:p@ss@one amqp://b:q@two")).toBe(
    `amqp://a:${MASK}@one amqp://b:${MASK}@two`,
  );
});

test.each([
  ["LANG", "C.UTF-8"],
  ["SITE_URL", "https://example.com:8080/a@b"],
  ["TOKEN", ""],
])("shows %s=%s", (name, value) => {
  expect(maskValue(name, value)).toBe(value);
});
